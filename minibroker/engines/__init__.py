"""The same client on other brokers. In this order:

capabilities     what an engine lacks is data, and a typed error
engine           what connect() gives
memory           minibroker itself
rabbitmq         queues on RabbitMQ; rabbitmq_channels, rabbitmq_messages: what is below
kafka            topics on Kafka; kafka_settings, _capabilities, _records, _log, _consumer: what is below
mqtt             publish and subscribe on any MQTT broker
connect          the url says which
divergences      what they have, and do otherwise
"""

from minibroker.engines.capabilities import Capabilities, Capability, Lack
from minibroker.engines.connect import connect
from minibroker.engines.engine import Engine, Publication

__all__ = ["Capabilities", "Capability", "Engine", "Lack", "Publication", "connect"]
