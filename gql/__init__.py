"""The door: who may ask, and in which words; turns GraphQL into commands of the engine and back."""
