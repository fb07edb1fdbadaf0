/* Triangle rasteriser and gathers of the studio. Planes are row-major float; pixel centres are at +0.5.
   Built by raster.py: cc -O3 -march=native -ffast-math -shared -fPIC raster.c -o libraster.so */
#include <math.h>
#include <string.h>

#define FAR 1e9f

/* vertices: n x (x, y, depth) in pixels of the target. Nearest surface per pixel: triangle (-1: none), its second and third
   barycentric coordinate, depth (FAR: none). */
void rasterise(const float *vertices, const int *triangles, int count, int width, int height, int *owner, float *bary, float *depth) {
  for (int i = 0; i < width * height; i++) { owner[i] = -1; depth[i] = FAR; }
  for (int t = 0; t < count; t++) {
    const float *a = vertices + 3 * triangles[3 * t], *b = vertices + 3 * triangles[3 * t + 1], *c = vertices + 3 * triangles[3 * t + 2];
    float bx = b[0] - a[0], by = b[1] - a[1], cx = c[0] - a[0], cy = c[1] - a[1], area = bx * cy - cx * by;
    if (fabsf(area) < 1e-9f) continue;
    int left = (int)floorf(fminf(a[0], fminf(b[0], c[0])) - 0.5f), right = (int)ceilf(fmaxf(a[0], fmaxf(b[0], c[0])));
    int top = (int)floorf(fminf(a[1], fminf(b[1], c[1])) - 0.5f), bottom = (int)ceilf(fmaxf(a[1], fmaxf(b[1], c[1])));
    if (left < 0) left = 0;
    if (top < 0) top = 0;
    if (right >= width) right = width - 1;
    if (bottom >= height) bottom = height - 1;
    float inverse = 1 / area;
    for (int y = top; y <= bottom; y++)
      for (int x = left; x <= right; x++) {
        float dx = x + 0.5f - a[0], dy = y + 0.5f - a[1];
        float u = (dx * cy - cx * dy) * inverse, v = (bx * dy - dx * by) * inverse, w = 1 - u - v;
        if (u < -1e-5f || v < -1e-5f || w < -1e-5f) continue;
        float z = w * a[2] + u * b[2] + v * c[2];
        int i = y * width + x;
        if (z < depth[i]) { depth[i] = z; owner[i] = t; bary[2 * i] = u; bary[2 * i + 1] = v; }
      }
  }
}

/* Where the surface seen in each target pixel lies in a source picture: position n x (x, y) and how visible it is there, 0..1.
   vertices: projection in the source's pixels; depth: the source's depth plane; tolerance in metres.
   Pixels without surface get visibility -1 and keep what `position` held. */
void locate(const float *vertices, const int *triangles, const int *owner, const float *bary, int pixels, const float *depth, int width,
            int height, float tolerance, float *position, float *visible) {
  for (int i = 0; i < pixels; i++) {
    int t = owner[i];
    if (t < 0) { visible[i] = -1; continue; }
    const float *a = vertices + 3 * triangles[3 * t], *b = vertices + 3 * triangles[3 * t + 1], *c = vertices + 3 * triangles[3 * t + 2];
    float u = bary[2 * i], v = bary[2 * i + 1], w = 1 - u - v;
    float x = w * a[0] + u * b[0] + v * c[0], y = w * a[1] + u * b[1] + v * c[1], z = w * a[2] + u * b[2] + v * c[2];
    position[2 * i] = x;
    position[2 * i + 1] = y;
    x = fminf(fmaxf(x - 0.5f, 0), width - 1.001f);
    y = fminf(fmaxf(y - 0.5f, 0), height - 1.001f);
    int ix = (int)x, iy = (int)y;
    float fx = x - ix, fy = y - iy, share[4] = {(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy}, seen = 0;
    for (int k = 0; k < 4; k++) {
      float e = (depth[(iy + (k >> 1)) * width + ix + (k & 1)] + tolerance - z) / (tolerance * 0.5f);
      seen += share[k] * fminf(fmaxf(e, 0), 1);
    }
    visible[i] = seen * seen;
  }
}

/* sum += weight * picture(position), bilinear, clamped at the picture's border; total += weight. picture: height x width x 3. */
void gather(const float *position, const float *weight, int pixels, const float *picture, int width, int height, float *sum, float *total) {
  for (int i = 0; i < pixels; i++) {
    float w = weight[i];
    if (w <= 0) continue;
    float x = fminf(fmaxf(position[2 * i] - 0.5f, 0), width - 1.001f), y = fminf(fmaxf(position[2 * i + 1] - 0.5f, 0), height - 1.001f);
    int ix = (int)x, iy = (int)y;
    float fx = x - ix, fy = y - iy;
    const float *p = picture + 3 * (iy * width + ix), *q = p + 3 * width;
    for (int k = 0; k < 3; k++)
      sum[3 * i + k] += w * ((p[k] * (1 - fx) + p[3 + k] * fx) * (1 - fy) + (q[k] * (1 - fx) + q[3 + k] * fx) * fy);
    total[i] += w;
  }
}
