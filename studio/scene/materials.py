"""Skin, teeth, tongue, lashes, cloth, eyes and hair for Cycles. Textures are the assets' own, read by path."""

from pathlib import Path

import bpy
import numpy as np

Colour = tuple[float, float, float]


class Shader:
    """A material's node tree; `put` adds a node and links its inputs, given by name or number, to sockets or sets them to values."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self._tree = self.material.node_tree
        self._tree.nodes.clear()
        self._output = self._tree.nodes.new("ShaderNodeOutputMaterial")

    def put(self, kind: str, inputs: dict[str | int, object], settings: dict[str, object] | None = None) -> bpy.types.Node:
        node = self._tree.nodes.new(kind)
        for name, value in (settings or {}).items():
            setattr(node, name, value)
        for name, value in inputs.items():
            if isinstance(value, bpy.types.NodeSocket):
                self._tree.links.new(value, node.inputs[name])
            else:
                node.inputs[name].default_value = value
        return node

    def image(self, image: Path | bpy.types.Image, data: bool = False) -> bpy.types.Node:
        loaded = image if isinstance(image, bpy.types.Image) else bpy.data.images.load(str(image), check_existing=True)
        if data:
            loaded.colorspace_settings.name = "Non-Color"
        return self.put("ShaderNodeTexImage", {}, {"image": loaded})

    def mix(self, share: object, a: object, b: object, how: str = "MIX") -> bpy.types.NodeSocket:
        return self.put("ShaderNodeMixRGB", {"Fac": share, "Color1": a, "Color2": b}, {"blend_type": how}).outputs[0]

    def noise(self, scale: float, detail: float) -> bpy.types.NodeSocket:
        place = self.put("ShaderNodeTexCoord", {}).outputs["Object"]
        return self.put("ShaderNodeTexNoise", {"Vector": place, "Scale": scale, "Detail": detail}).outputs[0]

    def span(self, value: object, low: float, high: float, to_low: float, to_high: float) -> bpy.types.NodeSocket:
        return self.put("ShaderNodeMapRange", {0: value, 1: low, 2: high, 3: to_low, 4: to_high}).outputs[0]

    def maths(self, operation: str, *values: object) -> bpy.types.NodeSocket:
        return self.put("ShaderNodeMath", dict(enumerate(values)), {"operation": operation}).outputs[0]

    def finish(self, surface: bpy.types.Node) -> bpy.types.Material:
        self._tree.links.new(surface.outputs[0], self._output.inputs[0])
        return self.material


def _soft(
    shader: Shader, colour: object, subsurface: float, radius: Colour, roughness: object, more: dict[str | int, object]
) -> bpy.types.Material:
    inputs = {
        "Base Color": colour,
        "Subsurface Weight": subsurface,
        "Subsurface Radius": radius,
        "Subsurface Scale": 1.0,
        "Roughness": roughness,
    }
    return shader.finish(shader.put("ShaderNodeBsdfPrincipled", inputs | more, {"subsurface_method": "RANDOM_WALK"}))


def skin(texture: Path, masks: Path) -> bpy.types.Material:
    """`masks`: folder with mpfb_lips.jpg and mpfb_inside-mouth.jpg."""
    s = Shader("skin")
    photo = s.image(texture).outputs[0]
    lips, inside = (s.image(masks / f"mpfb_{name}.jpg", data=True).outputs[0] for name in ("lips", "inside-mouth"))
    colour = s.mix(lips, photo, s.mix(1.0, photo, (1, 0.8, 0.82, 1), "MULTIPLY"))
    colour = s.mix(inside, colour, (0.16, 0.025, 0.022, 1))
    colour = s.mix(1.0, colour, s.span(s.noise(90, 4), 0.3, 0.7, 0.9, 1.1), "MULTIPLY")
    scalp = s.put("ShaderNodeAttribute", {}, {"attribute_name": "scalp"}).outputs["Fac"]
    colour = s.mix(scalp, colour, (0.045, 0.024, 0.014, 1))
    roughness = s.maths("ADD", s.span(lips, 0, 1, 0.43, 0.30), s.span(s.noise(260, 3), 0, 1, -0.11, 0.11))
    roughness = s.maths("SUBTRACT", roughness, s.span(inside, 0, 1, 0, 0.2))
    pores = s.put("ShaderNodeTexVoronoi", {"Scale": 900.0, "Vector": s.put("ShaderNodeTexCoord", {}).outputs["Object"]}).outputs[0]
    height = s.maths("MULTIPLY_ADD", pores, 0.6, s.noise(420, 5))
    bump = s.put("ShaderNodeBump", {"Strength": 0.5, "Distance": 0.0006, "Height": height}).outputs[0]
    return _soft(s, colour, 0.8, (0.0036, 0.00126, 0.00063), roughness, {"Normal": bump, "Specular IOR Level": 0.42})


def teeth(texture: Path, front: float) -> bpy.types.Material:
    """`front`: y of the incisors, metres; teeth behind them fade into the dark."""
    s = Shader("teeth")
    white = s.put("ShaderNodeHueSaturation", {"Color": s.image(texture).outputs[0], "Saturation": 0.8, "Value": 1.7}).outputs[0]
    y = s.put("ShaderNodeSeparateXYZ", {0: s.put("ShaderNodeNewGeometry", {}).outputs["Position"]}).outputs["Y"]
    light = s.span(y, front + 0.010, front + 0.028, 1.0, 0.06)
    colour = s.mix(1.0, s.mix(1.0, white, (1, 0.965, 0.90, 1), "MULTIPLY"), light, "MULTIPLY")
    return _soft(s, colour, 0.4, (0.0012, 0.0009, 0.0007), 0.2, {"Emission Color": colour, "Emission Strength": 0.05})


def tongue(texture: Path) -> bpy.types.Material:
    s = Shader("tongue")
    colour = s.put("ShaderNodeHueSaturation", {"Color": s.image(texture).outputs[0], "Saturation": 1.05, "Value": 0.85}).outputs[0]
    return _soft(s, colour, 0.5, (0.003, 0.001, 0.0007), 0.33, {"Emission Color": colour, "Emission Strength": 0.05})


def card(name: str, texture: Path, colour: Colour) -> bpy.types.Material:
    """Hairs painted on a flat mesh; its attribute `fade` thins them."""
    s = Shader(name)
    fade = s.put("ShaderNodeAttribute", {}, {"attribute_name": "fade"}).outputs["Fac"]
    share = s.maths("MULTIPLY", s.image(texture).outputs["Alpha"], fade)
    hairs = s.put("ShaderNodeBsdfPrincipled", {"Base Color": (*colour, 1), "Roughness": 0.55}).outputs[0]
    return s.finish(s.put("ShaderNodeMixShader", {0: share, 1: s.put("ShaderNodeBsdfTransparent", {}).outputs[0], 2: hairs}))


def cloth(colour: Colour) -> bpy.types.Material:
    s = Shader("cloth")
    bump = s.put("ShaderNodeBump", {"Strength": 0.35, "Distance": 0.0006, "Height": s.noise(900, 2)}).outputs[0]
    inputs = {"Base Color": (*colour, 1), "Roughness": 0.85, "Sheen Weight": 0.25, "Specular IOR Level": 0.2, "Normal": bump}
    return s.finish(s.put("ShaderNodeBsdfPrincipled", inputs))


def hair() -> bpy.types.Material:
    s = Shader("hair")
    inputs = {"Melanin": 0.84, "Melanin Redness": 0.42, "Random Color": 0.12, "Roughness": 0.34}
    return s.finish(s.put("ShaderNodeBsdfHairPrincipled", inputs, {"model": "CHIANG", "parametrization": "MELANIN"}))


def eyeball(iris: Colour) -> bpy.types.Material:
    """Its UV map is planar: radius 1/6 is the rim of the iris."""
    s = Shader("eye")
    return _soft(s, s.image(_iris_picture(np.array(iris))).outputs[0], 0.25, (0.0018, 0.0008, 0.0006), 0.45, {"Specular IOR Level": 0.1})


def cornea() -> bpy.types.Material:
    s = Shader("cornea")
    reflection = s.maths(
        "MULTIPLY", s.put("ShaderNodeFresnel", {"IOR": 1.42}).outputs[0], s.put("ShaderNodeLightPath", {}).outputs["Is Camera Ray"]
    )
    clear, gloss = s.put("ShaderNodeBsdfTransparent", {}).outputs[0], s.put("ShaderNodeBsdfGlossy", {"Roughness": 0.02}).outputs[0]
    return s.finish(s.put("ShaderNodeMixShader", {0: s.maths("MULTIPLY", reflection, 1.7), 1: clear, 2: gloss}))


def _iris_picture(colour: np.ndarray, size: int = 768) -> bpy.types.Image:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    radius, turn = 6 * np.hypot(x, y), np.arctan2(y, x) / (2 * np.pi) % 1
    fibres = sum(
        share * np.interp(turn * n, np.arange(n + 1), np.append(v := rng.random(n), v[0]))
        for n, share in ((60, 0.45), (130, 0.35), (260, 0.2))
    )
    edge = lambda low, high: np.clip((radius - low) / (high - low), 0, 1)[..., None]
    iris = colour * (0.4 + 1.3 * np.clip(2.6 * (fibres - 0.5) + 0.5, 0, 1)[..., None])
    iris = iris * (1 - 0.8 * edge(0.8, 1.0)) * edge(0.34, 0.375)
    white = np.array((0.78, 0.745, 0.715)) * (1 - 0.3 * edge(1.35, 2.9) * np.array((0.25, 0.75, 0.8)))
    rim = edge(0.90, 1.09)
    linear = iris * (1 - rim) + white * rim
    image = bpy.data.images.new("iris", size, size, float_buffer=False)
    pixels = np.ones((size, size, 4), np.float32)
    pixels[..., :3] = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.clip(linear, 1e-9, 1) ** (1 / 2.4) - 0.055)
    image.pixels.foreach_set(pixels.ravel())
    image.update()
    return image
