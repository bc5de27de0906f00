"""The broker: publishes what was committed, says who is there, and takes in answers and observations."""

from alvh.adapters.mqtt.address import BrokerAddress
from alvh.adapters.mqtt.broker import MqttBroker
from alvh.adapters.mqtt.status import Node

__all__ = ["BrokerAddress", "MqttBroker", "Node"]
