"""The use case: an entity's chat id, one or many, each miss asked once."""
