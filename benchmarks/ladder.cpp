// The ladder case in C++17, as fast as a careful programmer gets it without writing for one processor.
//
// Paths go in groups of LANES, a structure of arrays; the loops over lanes are plain C++ that the compiler turns into
// vectors. A tick is noise, a float price and two compares; only a mark at the next trigger of its path costs more.
#include "ladder_noise.h"
#include "ladder_venue.h"

namespace {

constexpr int CHUNK = 32;       // ticks of noise drawn at a time: they stay in the first cache
constexpr float SLACK = 4e-6f;  // more than the rounding of a float mark: near a trigger, doubles decide

// CHUNK log-returns of a group of paths, from tick `from` on (a multiple of CHUNK).
inline void draw_returns(const Case &c, uint32_t seed, uint32_t first, int64_t from, float out[CHUNK][LANES]) {
    float mean = float(c.drift), deviation = float(c.deviation);
    uint32_t x[4][LANES];
    for (int t = 0; t < CHUNK; t += 4) {
        philox(seed, first, uint32_t((from + t) / 4), x);
        for (int half = 0; half < 4; half += 2)
#pragma omp simd
            for (int l = 0; l < LANES; l++) {
                float a, b;
                two_normals(x[half][l], x[half + 1][l], a, b);
                out[t + half][l] = mean + deviation * a;
                out[t + half + 1][l] = mean + deviation * b;
            }
    }
}

struct Group {  // a structure of arrays, a path a lane
    float log_price[LANES] = {}, low[LANES], high[LANES];  // marks over the first price between which nothing happens
    double z[LANES] = {};
    Path path[LANES];

    void set_registers(const Case &c, const Side *sides, int l) {
        low[l] = float(sides[0].trigger[path[l].next[0]] / c.price) * (1 + SLACK);
        high[l] = float(-sides[1].trigger[path[l].next[1]] / c.price) * (1 - SLACK);
    }
};

// Advance all lanes by a tick; whether any mark is at its next trigger.
inline bool advance(const Case &c, Group &g, const float *returns, int *at) {
    float cap = float(c.cap);
    double decay = c.decay;
    int any = 0;
#pragma omp simd reduction(| : any)
    for (int l = 0; l < LANES; l++) {
        g.z[l] *= decay;
        g.log_price[l] += returns[l];
        float x = -0.01f * float(g.z[l]);
        x = x > cap ? cap : x < -cap ? -cap : x;
        float mark = exp_of(g.log_price[l]) * (1 + x);
        at[l] = (mark < g.low[l]) | (mark > g.high[l]);
        any |= at[l];
    }
    return any;
}

void run_group(const Case &c, const Side *sides, uint32_t seed, int64_t first, int64_t paths, int64_t steps,
               double *out) {
    Group g;
    float returns[CHUNK][LANES];
    int at[LANES];
    for (int l = 0; l < LANES; l++) g.set_registers(c, sides, l);
    for (int64_t t = 0; t < steps; t++) {
        if (t % CHUNK == 0) draw_returns(c, seed, uint32_t(first), t, returns);
        if (!advance(c, g, returns[t % CHUNK], at)) continue;
        for (int l = 0; l < LANES; l++)
            if (at[l]) {
                g.path[l].z = g.z[l];
                run_rounds(c, sides, g.path[l], c.price * std::exp(double(g.log_price[l])));
                g.z[l] = g.path[l].z;
                g.set_registers(c, sides, l);
            }
    }
    for (int l = 0; l < LANES && first + l < paths; l++) store(g.path[l], first + l, paths, out);
}

}  // namespace

extern "C" {

// Paths of the case's market; out [5, P].
void simulate_seed(const Case *c, const Side *sides, uint32_t seed, int64_t paths, int64_t steps, double *out) {
#pragma omp parallel for schedule(dynamic)
    for (int64_t first = 0; first < paths; first += LANES) run_group(*c, sides, seed, first, paths, steps, out);
}

// Given prices [P, T + 1]; out [5, P].
void simulate_given(const Case *c, const Side *sides, const double *prices, int64_t paths, int64_t steps, double *out) {
#pragma omp parallel for schedule(dynamic)
    for (int64_t p = 0; p < paths; p++) {
        Path path;
        for (int64_t t = 1; t <= steps; t++) {
            path.z *= c->decay;
            run_rounds(*c, sides, path, prices[p * (steps + 1) + t]);
        }
        store(path, p, paths, out);
    }
}

// The log-returns [P, T] that simulate_seed uses, P a multiple of LANES.
void returns_of_seed(const Case *c, uint32_t seed, int64_t paths, int64_t steps, float *out) {
    float returns[CHUNK][LANES];
    for (int64_t first = 0; first < paths; first += LANES)
        for (int64_t t = 0; t < steps; t++) {
            if (t % CHUNK == 0) draw_returns(*c, seed, uint32_t(first), t, returns);
            for (int l = 0; l < LANES; l++) out[(first + l) * steps + t] = returns[t % CHUNK][l];
        }
}

}
