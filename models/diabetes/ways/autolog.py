"""The shortest way: MLflow watches whichever library trains, and logs all by itself."""

from __future__ import annotations

import mlflow
from patients import read_arguments, split
from sklearn.linear_model import LogisticRegression

options = read_arguments()
seen, held_out, seen_labels, held_out_labels = split(options.data)

mlflow.autolog()
model = LogisticRegression(C=options.strength, max_iter=1000)
model.fit(seen, seen_labels)
model.score(held_out, held_out_labels)
