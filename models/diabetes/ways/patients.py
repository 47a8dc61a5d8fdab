"""The labelled patients, as the four ways of logging a model read them."""

from __future__ import annotations

import argparse

import pandas as pd
from sklearn.model_selection import train_test_split

LABEL = "Diabetic"


def read_arguments() -> argparse.Namespace:
    """Return the command line of each script: the table, and the inverse regularization C."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, help="the labelled table, a CSV file")
    parser.add_argument("--strength", type=float, default=1.0)
    return parser.parse_args()


def split(path: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series[int], pd.Series[int]]:
    """Features to train and to test with, then their labels; whole numbers stay whole numbers."""
    table = pd.read_csv(path)
    features, labels = table.drop(columns=LABEL), table[LABEL]
    parts = train_test_split(features, labels, test_size=0.25, random_state=20, stratify=labels)
    seen, held_out, seen_labels, held_out_labels = parts
    return seen, held_out, seen_labels, held_out_labels
