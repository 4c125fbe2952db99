// Normals for a group of paths: a counter-based generator and Box-Muller, on plain arrays that compilers vectorise.
#pragma once
#include <cmath>
#include <cstdint>

constexpr int LANES = 16;  // paths of a group

// Philox4x32-10 (Salmon et al. 2011) at counter (first + lane, 0, block, 0): four words a lane.
inline void philox(uint32_t seed, uint32_t first, uint32_t block, uint32_t x[4][LANES]) {
#pragma omp simd
    for (int l = 0; l < LANES; l++) {
        uint32_t a = first + l, b = 0, c = block, d = 0, k0 = seed, k1 = 0;
        for (int round = 0; round < 10; round++) {
            uint64_t m = uint64_t(a) * 0xD2511F53u, n = uint64_t(c) * 0xCD9E8D57u;
            a = uint32_t(n >> 32) ^ b ^ k0, c = uint32_t(m >> 32) ^ d ^ k1;
            b = uint32_t(n), d = uint32_t(m);
            k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
        }
        x[0][l] = a, x[1][l] = b, x[2][l] = c, x[3][l] = d;
    }
}

inline float bits_to_float(uint32_t bits) {
    float x;
    __builtin_memcpy(&x, &bits, 4);
    return x;
}

inline uint32_t float_to_bits(float x) {
    uint32_t bits;
    __builtin_memcpy(&bits, &x, 4);
    return bits;
}

// Logarithm for 2^-33 <= u <= 1; polynomial of Cephes logf.
inline float log_of(float u) {
    uint32_t shifted = float_to_bits(u) - 0x3F3504F3u;  // so that the mantissa falls into [sqrt(1/2), sqrt(2))
    float exponent = float(int32_t(shifted) >> 23), x = bits_to_float((shifted & 0x7FFFFFu) + 0x3F3504F3u) - 1, y;
    y = 7.0376836292e-2f;
    y = y * x - 1.1514610310e-1f, y = y * x + 1.1676998740e-1f, y = y * x - 1.2420140846e-1f;
    y = y * x + 1.4249322787e-1f, y = y * x - 1.6668057665e-1f, y = y * x + 2.0000714765e-1f;
    y = y * x - 2.4999993993e-1f, y = y * x + 3.3333331174e-1f;
    return x + (x * x * (x * y - 0.5f) + 0.693147181f * exponent);
}

// Exponential for |x| < 80: 2^n e^r, polynomial of Cephes expf.
inline float exp_of(float x) {
    float n = std::nearbyint(x * 1.44269504f), r = (x - n * 0.693359375f) + n * 2.12194440e-4f, y;
    y = 1.9875691500e-4f;
    y = y * r + 1.3981999507e-3f, y = y * r + 8.3334519073e-3f, y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f, y = y * r + 5.0000001201e-1f;
    return (y * r * r + r + 1) * bits_to_float(uint32_t(int32_t(n) + 127) << 23);
}

// Box and Muller: two normals from two words. The angle is quarter turns (the leading bits) and a rest within pi/4.
inline void two_normals(uint32_t u, uint32_t v, float &first, float &second) {
    float radius = std::sqrt(-2 * log_of(float(u) * 0x1p-32f + 0x1p-33f));
    uint32_t turned = v + 0x20000000u, quarter = turned >> 30;
    float x = float(int32_t(turned & 0x3FFFFFFFu) - 0x20000000) * 1.46291807927e-9f, y = x * x;
    float sine = ((-1.9515295891e-4f * y + 8.3321608736e-3f) * y - 1.6666654611e-1f) * y * x + x;
    float cosine = (2.443315711809948e-5f * y - 1.388731625493765e-3f) * y + 4.166664568298827e-2f;
    cosine = cosine * y * y - 0.5f * y + 1;
    float a = quarter & 1 ? sine : cosine, b = quarter & 1 ? cosine : sine;
    first = radius * bits_to_float(float_to_bits(a) ^ ((quarter + 1) & 2) << 30);
    second = radius * bits_to_float(float_to_bits(b) ^ (quarter & 2) << 30);
}
