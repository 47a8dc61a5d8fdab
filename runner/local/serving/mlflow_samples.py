"""Makes the input of an MLflow model from `input_data`, by a sample of it.

On Azure a generated script takes a sample of the model's input from its input example or its
signature, and turns each request into what the sample is: a DataFrame, an array, arrays by name.
Without a sample the request's own form decides. Source: the script itself, which
tests/local/serving/record_azure.py names; what it answers is recorded beside it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.local.serving.mlflow_swagger import (
    ANYTHING,
    described,
    described_array,
    described_frame,
    described_parts,
)

# Flavors whose models take words, and not only numbers and tables.
_OF_WORDS = ("transformers", "langchain", "openai")


@dataclass(frozen=True)
class Samples:
    """The input, output and params of a model as the generated script imagines them.

    Each is a DataFrame, an array, a dictionary, a list, or None where it has none.
    """

    input: Any = None
    output: Any = None
    params: Any = None


def samples_of(model: Any, folder: Path) -> Samples:
    """Return the samples of an MLflow `Model` saved in `folder`.

    Raises whatever the generated script raises over it, which then does not start.
    """
    found = None
    with suppress(Exception):  # then the script goes by the signature
        found = _example(model.saved_input_example_info, folder)
    signature = model.signature
    if not signature:
        return Samples(_usable(found, model.flavors))
    inputs, outputs = signature.inputs, signature.outputs
    if "transformers" in model.flavors and _takes_words(inputs):
        found = _words(inputs)
    elif inputs and found is None:
        found = _of_schema(inputs, otherwise=_words)
    params = getattr(signature, "params", None)
    return Samples(
        _usable(found, model.flavors),
        _of_schema(outputs) if outputs else None,
        _of_params(params) if params else None,
    )


def is_table(sample: Any) -> bool:
    """Return whether the model is given DataFrames."""
    import pandas as pd

    return isinstance(sample, pd.DataFrame)


def reader(sample: Any, flavors: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Return a function that turns `input_data` into a value of the sample's kind, or raises.

    Raises TypeError for a sample over which the generated script does not start.
    """
    import numpy as np
    import pandas as pd

    if isinstance(sample, pd.DataFrame):
        types = sample.dtypes.to_dict()
        return lambda content: _frame(content, types)
    if isinstance(sample, np.ndarray):
        return lambda content: _array(content, sample.dtype)
    if isinstance(sample, list) or (isinstance(sample, dict) and "transformers" in flavors):
        return lambda content: _of_kind(content, type(sample))
    if isinstance(sample, dict):
        unlike = [name for name, value in sample.items() if not isinstance(value, np.ndarray)]
        if unlike:
            raise TypeError(f"the sample of {unlike[0]} is no array")
        dtypes = {name: value.dtype for name, value in sample.items()}
        return lambda content: _arrays(content, dtypes)
    return lambda content: content


def model_input(content: Any, params: Any, flavors: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the model's input and its params, from what a `reader` made of `input_data`."""
    import numpy as np
    import pandas as pd

    # An older kind of model kept its parameters within the data.
    if params is None and "parameters" in content and "transformers" in flavors:
        content = dict(content)
        params = content.pop("parameters")
        if list(content) == ["input_string"]:
            content = content["input_string"]
    if isinstance(content, (np.ndarray, pd.DataFrame)):
        return content, params
    if isinstance(content, dict) and isinstance(next(iter(content.values()), None), np.ndarray):
        return content, params
    if any(flavor in flavors for flavor in _OF_WORDS):
        return _from_words(content, flavors), params
    if isinstance(content, str):
        content = json.loads(content)
    if "input_data" in content:
        content = content["input_data"]
    return _from_form(content, flavors), params


def jsonable(returned: Any) -> Any:
    """Return a model's predictions, as the standard library's JSON can mostly write it.

    Source: MLflow's own `_get_jsonable_obj`.
    """
    import numpy as np
    import pandas as pd

    if isinstance(returned, np.ndarray):
        return returned.tolist()
    if isinstance(returned, pd.Series):
        returned = pd.DataFrame(returned)
    if isinstance(returned, pd.DataFrame):
        return returned.to_dict(orient="records")
    return returned


def input_schemas(samples: Samples) -> dict[str, Any]:
    """Return the schemas of `input_data` and `params`, with their examples."""
    params = ANYTHING if samples.params is None else described(samples.params)
    return {"input_data": _schema(samples.input, "split"), "params": params}


def output_schema(samples: Samples) -> dict[str, Any]:
    """Return the schema of what is answered, with its example."""
    return _schema(samples.output, "records")


def _schema(sample: Any, orient: Any) -> dict[str, Any]:
    import numpy as np
    import pandas as pd

    if isinstance(sample, pd.DataFrame):
        written = json.loads(sample.to_json(orient=orient, date_format="iso"))
        return described_frame(written, orient)
    if isinstance(sample, np.ndarray):
        return described_array(sample.dtype.name.lower(), sample.tolist())
    if isinstance(sample, dict):
        return described_parts({name: _schema(value, orient) for name, value in sample.items()})
    return ANYTHING if sample is None else described(sample)


def _usable(sample: Any, flavors: Mapping[str, Any]) -> Any:
    """Return the sample, unless it is one that the script makes nothing of."""
    import numpy as np
    import pandas as pd

    if isinstance(sample, (pd.DataFrame, np.ndarray, dict)):
        return sample
    return sample if isinstance(sample, list) and "transformers" in flavors else None


def _example(info: Mapping[str, Any] | None, folder: Path) -> Any:
    import numpy as np
    import pandas as pd

    if not info:
        return None
    content = json.loads((folder / info["artifact_path"]).read_text())
    if info["type"] == "dataframe":
        orient: Any = "split" if "columns" in content else "values"
        # pandas 3 takes text for the name of a file, so that the script finds no example then.
        return pd.read_json(json.dumps(content), orient=orient, dtype=False)
    if info["type"] == "ndarray":
        inputs = content["inputs"]
        if isinstance(inputs, dict):
            return {name: np.asarray(value) for name, value in inputs.items()}
        return np.asarray(inputs)
    return content


def _takes_words(inputs: Any) -> bool:
    from mlflow.types.schema import ColSpec

    first = inputs.inputs[0]
    return isinstance(first, ColSpec) and (
        first.name is not None or (len(inputs.inputs) == 1 and str(first.type) == "DataType.string")
    )


def _of_schema(schema: Any, otherwise: Callable[[Any], Any] | None = None) -> Any:
    import numpy as np
    import pandas as pd

    if schema.is_tensor_spec():
        specs = schema.inputs
        zeros = [np.zeros(_one_of(spec.shape), dtype=spec.type) for spec in specs]
        if not schema.has_input_names():
            return zeros[0]
        return {spec.name: array for spec, array in zip(specs, zeros)}
    try:
        names = schema.input_names()
        frame = pd.DataFrame(columns=names)
        return frame.astype(dict(zip(names, schema.pandas_types())))
    except Exception:
        if otherwise is None:
            raise
        return otherwise(schema)


def _one_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a single thing, where a batch may have any number of them."""
    return (1, *shape[1:]) if shape and shape[0] == -1 else tuple(shape)


def _words(schema: Any) -> Any:
    """Return a sample of columns that pandas has no types for, or of a model of words."""
    first = schema.inputs[0]
    if first.name is None:
        return ["sample string"] if _type_name(first.type) == "string" else []
    return {column.name: _value_of(column.type) for column in schema.inputs}


def _of_params(schema: Any) -> dict[str, Any]:
    return {
        param.name: _value_of(param.dtype) if param.default is None else param.default
        for param in schema.params
    }


def _value_of(kind: Any) -> Any:
    values: dict[str, Any] = {
        "boolean": True,
        "string": "sample string",
        "integer": 42,
        "long": 42,
        "float": 0.15,
        "double": 0.15,
    }
    return values[_type_name(kind)]


def _type_name(kind: Any) -> str:
    return str(getattr(kind, "name", kind))


def _frame(content: Any, types: Mapping[Any, Any]) -> Any:
    import pandas as pd

    if not isinstance(content, (list, dict)):
        raise TypeError(f"a table is an object, not {type(content).__name__}")
    text = io.StringIO(json.dumps(content))
    frame = pd.read_json(text, orient="split", dtype=False)
    return frame.astype({name: types.get(name, object) for name in frame.columns})


def _array(content: Any, dtype: Any) -> Any:
    import numpy as np

    if not isinstance(content, list):
        raise TypeError(f"a tensor is a list, not {type(content).__name__}")
    if dtype.name.startswith("datetime"):
        content = [np.datetime64(item) for item in content]
    return np.array(content, dtype=dtype)


def _arrays(content: Any, dtypes: Mapping[str, Any]) -> Any:
    content = _of_kind(content, dict)
    return {
        name: _array(value, dtypes[name]) if name in dtypes else value
        for name, value in content.items()
    }


def _of_kind(content: Any, kind: type) -> Any:
    if not isinstance(content, kind):
        raise TypeError(f"input_data is of the type {kind.__name__} for this model")
    return content


def _from_form(content: Any, flavors: Mapping[str, Any]) -> Any:
    import numpy as np
    import pandas as pd

    if "hftransformersv2" in flavors:
        return content
    if isinstance(content, list):
        return np.asarray(content)
    if isinstance(content, dict) and {"columns", "index", "data"} <= content.keys():
        # Text, and not a stream: with pandas 3 the script fails over this form.
        return pd.read_json(json.dumps(content), orient="split", dtype=False)
    return {name: np.asarray(value) for name, value in content.items()}


def _from_words(content: Any, flavors: Mapping[str, Any]) -> Any:
    import numpy as np

    if isinstance(content, str):
        with suppress(ValueError):
            content = json.loads(content)
    if isinstance(content, dict) and "input_data" in content:
        content = content["input_data"]
    if "hftransformersv2" in flavors or isinstance(content, str):
        return content
    if isinstance(content, list):
        if all(isinstance(item, dict) for item in content):
            if not all(map(_is_of_words, content)):
                raise TypeError("the objects hold other things than strings and lists of them")
            return content
        words = all(isinstance(item, str) for item in content)
        return content if words else np.asarray(content)
    if isinstance(content, dict) and (
        {"columns", "index", "data"} <= content.keys() or not _is_of_words(content)
    ):
        return _from_form(content, flavors)
    return content


def _is_of_words(content: Mapping[str, Any]) -> bool:
    return all(
        isinstance(value, str)
        or (isinstance(value, list) and all(isinstance(item, str) for item in value))
        for value in content.values()
    )
