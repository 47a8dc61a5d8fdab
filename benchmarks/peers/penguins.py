"""The columns of a table of penguins, as Spark writes a schema."""

MEASURES = ("CulmenLength", "CulmenDepth", "FlipperLength", "BodyMass")
SCHEMA = ", ".join(["Island STRING", *(f"{name} DOUBLE" for name in MEASURES)])
