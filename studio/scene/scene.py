"""The picture's scene: her, dressed, before a studio wall, under six lights."""

from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector
from mathutils.kdtree import KDTree

import materials
from camera import LENS_MM, SENSOR_MM, SIZE, place
from hair import add_hair, scalp_share
from make_geometry import EYE_LOOK_DEGREES
from person import Person, smoothstep, to_metres

# Decimetres of the neutral body below which nothing is in the picture.
_LOWEST = 3.2
# Sine of the angle from the pupil at which the iris ends; her eyes are bright brown.
_IRIS, _IRIS_COLOUR = 0.5, (0.13, 0.075, 0.04)
_SUIT, _SHIRT, _BROWS, _LASHES = (0.028, 0.034, 0.052), (0.60, 0.60, 0.585), (0.040, 0.025, 0.016), (0.012, 0.008, 0.006)
# Name: where from the eyes' height (x, y, z), width, height, watts, colour.
_LIGHTS = {
    "key": ((-0.95, -1.1, 0.55), 0.75, 0.95, 30, (1, 0.93, 0.86)),
    "fill": ((1.25, -1.1, 0.05), 1.4, 1.4, 9, (0.86, 0.93, 1)),
    "rim left": ((-0.85, 0.75, 0.45), 0.35, 1.1, 12, (1, 0.96, 0.92)),
    "rim right": ((0.85, 0.75, 0.40), 0.35, 1.1, 14, (0.9, 0.95, 1)),
    "hair": ((0, 0.35, 1.0), 0.6, 0.6, 4, (1, 0.97, 0.94)),
    "bounce": ((0, -0.9, -0.75), 1.0, 0.5, 3, (1, 0.9, 0.82)),
}


def _mesh(
    name: str, vertices: np.ndarray, faces: list[list[int]], uvs: np.ndarray, material: bpy.types.Material, levels: int
) -> bpy.types.Object:
    """`uvs`: one a corner of a face, in their order."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], faces)
    mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", np.asarray(uvs, np.float32).ravel())
    mesh.polygons.foreach_set("use_smooth", [True] * len(mesh.polygons))
    mesh.materials.append(material)
    found = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(found)
    if levels:
        modifier = found.modifiers.new("smooth", "SUBSURF")
        modifier.levels = modifier.render_levels = levels
    return found


def _share(found: bpy.types.Object, name: str, values: np.ndarray) -> None:
    found.data.attributes.new(name, "FLOAT", "POINT").data.foreach_set("value", values.astype(np.float32))


class Scene:
    """`skin`: the skin texture; `textures`: folder with the other parts' (see studio/README.md)."""

    def __init__(self, person: Person, skin: Path, textures: Path, strands: int) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self._person = person
        self._tree: KDTree | None = None
        rest = person.at({})
        self._add_body(rest, skin)
        front = float(to_metres(person.part("teeth", rest))[:, 1].min())
        looks = {
            "teeth": (materials.teeth(textures / "teeth.png", front), 1),
            "tongue": (materials.tongue(textures / "tongue01_diffuse.png"), 2),
            "lashes": (materials.card("lashes", textures / "eyelashes01.png", _LASHES), 0),
            "brows": (materials.card("brows", textures / "eyebrow001.png", _BROWS), 0),
            "suit": (materials.cloth(_SUIT), 2),
        }
        self._parts = {name: self._add_part(name, rest, material, levels) for name, (material, levels) in looks.items()}
        self._thin_cards()
        self._colour_shirt(textures / "male_casualsuit05_diffuse.png")
        self._eyes = {side: self._add_eye(side) for side in "lr"}
        if strands:
            add_hair(person, rest, materials.hair(), strands)
        self._add_studio()
        self.set({})

    @property
    def body_vertices(self) -> np.ndarray:
        """Which vertices of the base mesh the picture's body has."""
        return self._used

    def nearest_body(self, point: np.ndarray, vertices: np.ndarray) -> int:
        """Row of the body vertex that is nearest to a point, metres."""
        if self._tree is None:
            self._tree = KDTree(len(vertices))
            for i, vertex in enumerate(vertices):
                self._tree.insert(vertex, i)
            self._tree.balance()
        return self._tree.find(point)[1]

    def set(self, shapes: dict[str, float]) -> None:
        body = self._person.at(shapes)
        self._move(self._body, to_metres((body + self._tuck)[self._used]))
        for name, found in self._parts.items():
            if name != "suit":
                self._move(found, to_metres(self._person.part(name, body)))
        for side, found in self._eyes.items():
            self._look(side, found, shapes)

    @staticmethod
    def _move(found: bpy.types.Object, vertices: np.ndarray) -> None:
        found.data.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).ravel())
        found.data.update()

    def _add_body(self, rest: np.ndarray, skin: Path) -> None:
        person, obj = self._person, self._person.body
        kept = [i for i, group in enumerate(obj.groups) if group == "body" and person.neutral[obj.faces[i], 1].min() > _LOWEST]
        self._used = np.unique(np.concatenate([np.array(obj.faces[i]) for i in kept]))
        row = np.full(len(rest), -1)
        row[self._used] = np.arange(len(self._used))
        uvs = obj.uvs[np.concatenate([np.array(obj.face_uvs[i]) for i in kept])]
        masks = person.assets / "mpfb" / "src" / "mpfb" / "data" / "textures"
        faces = [row[obj.faces[i]].tolist() for i in kept]
        self._body = _mesh("body", to_metres(rest[self._used]), faces, uvs, materials.skin(skin, masks), 2)
        _share(self._body, "scalp", np.clip(1.25 * scalp_share(person) - 0.2, 0, 1)[self._used] * 0.96)
        # skin under the suit is drawn in, so that none shows through it
        normals = np.zeros((len(self._used), 3), np.float32)
        self._body.data.vertex_normals.foreach_get("vector", normals.ravel())
        inward = np.zeros_like(rest)
        inward[self._used] = -0.10 * np.stack([normals[:, 0], normals[:, 2], -normals[:, 1]], 1)
        self._tuck = np.zeros_like(rest)
        hidden = np.array(person.parts["suit"].hidden, int)
        self._tuck[hidden] = inward[hidden]

    def _add_part(self, name: str, rest: np.ndarray, material: bpy.types.Material, levels: int) -> bpy.types.Object:
        obj = self._person.parts[name].obj
        vertices = to_metres(self._person.part(name, rest))
        kept = [i for i, face in enumerate(obj.faces) if name != "suit" or vertices[face, 2].min() > 0.1 * (_LOWEST - 0.6)]
        uvs = obj.uvs[np.concatenate([np.array(obj.face_uvs[i]) for i in kept])]
        return _mesh(name, vertices, [obj.faces[i] for i in kept], uvs, material, levels)

    def _thin_cards(self) -> None:
        """Lower lashes are faint; brows begin softly at the nose."""
        person = self._person
        lashes, brows = (person.parts[name].on(person.neutral) for name in ("lashes", "brows"))
        eyes = np.mean([person.neutral[person.group(f"helper-{side}-eye"), 1].mean() for side in "lr"])
        _share(self._parts["lashes"], "fade", np.where(lashes[:, 1] < eyes - 0.05, 0.45, 1.0))
        outwards = np.abs(brows[:, 0])
        _share(self._parts["brows"], "fade", 0.04 + 0.96 * smoothstep((outwards - outwards.min()) / 0.15))

    def _colour_shirt(self, texture: Path) -> None:
        """Garment islands whose own texture is warm are the shirt."""
        found, obj = self._parts["suit"], self._person.parts["suit"].obj
        image = bpy.data.images.load(str(texture))
        pixels = np.empty(len(image.pixels), np.float32)
        image.pixels.foreach_get(pixels)
        pixels = pixels.reshape(image.size[1], image.size[0], 4)
        island = np.arange(len(obj.vertices))
        changed = True
        while changed:
            before = island.copy()
            for face in obj.faces:
                island[face] = island[face].min()
            changed = bool((island != before).any())
        colours: dict[int, list[np.ndarray]] = {}
        for face, uv in zip(obj.faces, obj.face_uvs):
            u, v = obj.uvs[uv].mean(0) % 1
            colours.setdefault(int(island[face[0]]), []).append(pixels[int(v * (image.size[1] - 1)), int(u * (image.size[0] - 1)), :3])
        warm = {key for key, found_ in colours.items() if (mean := np.mean(found_, 0))[0] > 1.12 * mean[1]}
        found.data.materials.append(materials.cloth(_SHIRT))
        slots = [int(island[polygon.vertices[0]] in warm) for polygon in found.data.polygons]
        found.data.polygons.foreach_set("material_index", slots)

    def _add_eye(self, side: str) -> list[bpy.types.Object]:
        """The ball with its iris sunk in, and the clear shell before it."""
        centre, radius = self._person.eye(side)
        limit = np.arcsin(_IRIS)
        angles, spokes = np.linspace(1e-3, 0.62 * np.pi, 61), 2 * np.pi * np.arange(64) / 64

        def ball(angle: np.ndarray) -> np.ndarray:
            inside = np.sin(angle) / np.sin(limit)
            sunk = np.cos(limit) - 0.035 * (1 - inside**2) - 0.03 * (1 - np.clip((inside - 0.85) / 0.15, 0, 1))
            return np.stack([np.sin(angle), np.where(angle < limit, sunk, np.cos(angle))])

        def shell(angle: np.ndarray) -> np.ndarray:
            bulge = 1.006 + 0.075 * np.clip(1 - (angle / (1.12 * limit)) ** 2, 0, None) ** 1.15
            return bulge * np.stack([np.sin(angle), np.cos(angle)])

        objects = []
        for name, profile, material in (("eye", ball, materials.eyeball(_IRIS_COLOUR)), ("cornea", shell, materials.cornea())):
            out, forward = radius * profile(angles)
            points = np.stack(
                [out[:, None] * np.cos(spokes), np.repeat(-forward[:, None], 64, 1), out[:, None] * np.sin(spokes)], -1
            ).reshape(-1, 3)
            flat = np.stack(
                [0.5 + (angles / limit)[:, None] * np.cos(spokes) / 6, 0.5 + (angles / limit)[:, None] * np.sin(spokes) / 6], -1
            ).reshape(-1, 2)
            faces = [
                [r * 64 + i, r * 64 + (i + 1) % 64, (r + 1) * 64 + (i + 1) % 64, (r + 1) * 64 + i] for r in range(60) for i in range(64)
            ]
            found = _mesh(f"{name} {side}", points, faces, flat[np.array(faces).ravel()], material, 0)
            found.location = centre
            found.rotation_mode = "ZXY"
            objects.append(found)
        return objects

    def _look(self, side: str, objects: list[bpy.types.Object], shapes: dict[str, float]) -> None:
        centre, _ = self._person.eye(side)
        aim = np.array((0, -3, centre[2])) - centre
        aim /= np.linalg.norm(aim)
        suffix, sign = ("Left", 1) if side == "l" else ("Right", -1)
        look = lambda way: shapes.get(f"eyeLook{way}{suffix}", 0.0)
        sideways, upwards = np.radians(EYE_LOOK_DEGREES)
        yaw = np.arctan2(aim[0], -aim[1]) + sideways * sign * (look("Out") - look("In"))
        pitch = np.arcsin(aim[2]) + upwards * (look("Up") - look("Down"))
        for found in objects:
            found.rotation_euler = (-pitch, 0, yaw)

    def _add_studio(self) -> None:
        scene = bpy.context.scene
        eye, aim = place(self._person)
        height = eye[2]
        for name, (where, width, tall, watts, colour) in _LIGHTS.items():
            light = bpy.data.lights.new(name, "AREA")
            light.energy, light.color, light.shape, light.size, light.size_y = watts, colour, "RECTANGLE", width, tall
            found = bpy.data.objects.new(name, light)
            found.location = (where[0], where[1], where[2] + height)
            found.rotation_euler = (Vector((0, -0.03, height - 0.02)) - found.location).to_track_quat("-Z", "Y").to_euler()
            found.visible_glossy = name not in ("fill", "bounce")
            scene.collection.objects.link(found)
        camera = bpy.data.cameras.new("camera")
        camera.lens, camera.sensor_width, camera.sensor_height, camera.sensor_fit = LENS_MM, SENSOR_MM, SENSOR_MM, "VERTICAL"
        scene.camera = bpy.data.objects.new("camera", camera)
        scene.collection.objects.link(scene.camera)
        scene.camera.location = eye
        scene.camera.rotation_euler = (Vector(aim) - Vector(eye)).to_track_quat("-Z", "Y").to_euler()
        self._add_wall()
        scene.render.resolution_x = scene.render.resolution_y = SIZE

    @staticmethod
    def _add_wall() -> None:
        """A soft grey gradient for the camera, faint even light for everything else."""
        world = bpy.data.worlds.new("wall")
        bpy.context.scene.world = world
        world.use_nodes = True
        tree = world.node_tree
        tree.nodes.clear()
        new, link = tree.nodes.new, tree.links.new
        place_, shift, far, ramp = (
            new("ShaderNodeTexCoord"),
            new("ShaderNodeMapping"),
            new("ShaderNodeVectorMath"),
            new("ShaderNodeValToRGB"),
        )
        shift.inputs["Location"].default_value = (-0.42, -0.55, 0)
        far.operation = "LENGTH"
        near, rim = ramp.color_ramp.elements
        near.color, rim.color, rim.position = (0.36, 0.40, 0.44, 1), (0.12, 0.14, 0.165, 1), 0.78
        ramp.color_ramp.interpolation = "EASE"
        seen, even, path = new("ShaderNodeBackground"), new("ShaderNodeBackground"), new("ShaderNodeLightPath")
        even.inputs["Color"].default_value, even.inputs["Strength"].default_value = (0.9, 0.95, 1, 1), 0.07
        mix, output = new("ShaderNodeMixShader"), new("ShaderNodeOutputWorld")
        link(place_.outputs["Window"], shift.inputs[0])
        link(shift.outputs[0], far.inputs[0])
        link(far.outputs["Value"], ramp.inputs[0])
        link(ramp.outputs[0], seen.inputs["Color"])
        link(path.outputs["Is Camera Ray"], mix.inputs[0])
        link(even.outputs[0], mix.inputs[1])
        link(seen.outputs[0], mix.inputs[2])
        link(mix.outputs[0], output.inputs[0])
