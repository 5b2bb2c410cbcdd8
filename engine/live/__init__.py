"""News on its way to people: the hub that serves this process's subscribers, the wire between processes."""
