"""The demonstration: a moving-average crossover at work on the shipped prices, deployed as any user would."""

from engine.actor import Actor
from engine.errors import Refusal
from engine.strategies.deployments import Deployments, DeployStrategy
from models.strategy import StrategyDeployment

# Chosen on the shipped prices: it signals within the first seconds, and 30 shares of GOOG are more than the five
# percent of a portfolio that risk allows, so that a denial is seen, too.
DEMO = DeployStrategy(
    client_deployment_id="demonstration",
    name="Demonstration",
    kind="moving_average_crossover",
    symbols=("AAPL", "GOOG", "IBM", "MSFT"),
    parameters={"fast": 2, "slow": 4, "quantity": "30"},
)


async def deploy_demo(deployments: Deployments, owner: Actor) -> StrategyDeployment | Refusal:
    """Deploy the demonstration; a second time nothing happens."""
    return await deployments.deploy(owner, DEMO)
