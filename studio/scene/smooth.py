"""Meshes as Blender draws them: one step of subdivision, its points on the limit surface."""

import bpy
import numpy as np


class SmoothMesh:
    """A polygon mesh whose smooth surface can be asked for at any positions of its vertices."""

    def __init__(self, name: str, faces: list[list[int]], vertices: np.ndarray) -> None:
        self.used = np.unique(np.concatenate([np.array(face) for face in faces]))
        place = np.full(len(vertices), -1)
        place[self.used] = np.arange(len(self.used))
        self._mesh = bpy.data.meshes.new(name)
        self._mesh.from_pydata(vertices[self.used].tolist(), [], [[int(place[i]) for i in face] for face in faces])
        self._object = bpy.data.objects.new(name, self._mesh)
        bpy.context.scene.collection.objects.link(self._object)
        modifier = self._object.modifiers.new("smooth", "SUBSURF")
        modifier.levels = 1
        modifier.use_limit_surface = True
        self.triangles = self._triangles()

    def _evaluated(self) -> bpy.types.Object:
        graph = bpy.context.evaluated_depsgraph_get()
        graph.update()
        return self._object.evaluated_get(graph)

    def _triangles(self) -> np.ndarray:
        mesh = self._evaluated().to_mesh()
        quads = np.empty(len(mesh.polygons) * 4, np.int32)
        mesh.polygons.foreach_get("vertices", quads)
        quads = quads.reshape(-1, 4)
        return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])

    def at(self, vertices: np.ndarray) -> np.ndarray:
        """All vertices of the polygon mesh -> points of the smooth surface."""
        self._mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices[self.used], np.float32).ravel())
        self._mesh.update()
        evaluated = self._evaluated()
        mesh = evaluated.to_mesh()
        points = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", points)
        evaluated.to_mesh_clear()
        return points.reshape(-1, 3).astype(np.float64)

    def remove(self) -> None:
        bpy.data.objects.remove(self._object)
        bpy.data.meshes.remove(self._mesh)
