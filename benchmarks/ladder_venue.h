// The venue of the ladder case: accounts in closing order, and the rounds of one tick of one path. Money is double.
//
// Accounts of a side stand in the order in which they are closed, with running sums of size and size x bankruptcy
// price, so what happens to any run of them is a difference of two sums.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

struct Case {
    double price, drift, deviation;  // at time zero; of a tick's log-return
    double fee, keeper_share, fund, depth, cap, decay;
};

// One side, n accounts. Prices are multiplied by sign (+1 longs, -1 shorts), so both sides read alike and descend.
struct Side {
    double sign;
    int64_t n;
    const double *trigger;     // [n + 1], liquidatable iff sign x mark < trigger; -inf at the end
    const double *bankruptcy;  // [n]
    const double *size, *value;  // [n + 1], sums of size and of size x bankruptcy before each account
};

struct Path {
    double z = 0, flow = 0;  // absorbed flow over depth; the fund's cumulative net flow
    int64_t next[2] = {0, 0};
    double depleted = 0, drawdown = 0, bad_debt = 0, notional = 0, accounts = 0;
};

// First place from i on where the descending x is at most limit: doubling steps, then halving without branches.
inline int64_t gallop(const double *x, int64_t i, int64_t n, double limit) {
    int64_t step = 1;
    while (i + step <= n && x[i + step - 1] > limit) {
        i += step;
        step *= 2;
    }
    for (int64_t left = std::min(step - 1, n - i); left > 0;) {  // the place is in [i, i + left]
        int64_t half = (left + 1) / 2;
        i += (x[i + half - 1] > limit) * half;
        left -= half;
    }
    return i;
}

inline double displacement(const Case &c, double z) { return std::clamp(-0.01 * z, -c.cap, c.cap); }

// Exact mean of the displacement over a walk.
inline double mean_displacement(const Case &c, double z0, double z1) {
    double a = std::fabs(z0), b = std::fabs(z1), knee = c.cap / 0.01;
    if (std::max(a, b) <= knee || std::fabs(z1 - z0) <= 1e-9 * (1 + a)) return displacement(c, 0.5 * (z0 + z1));
    double low = std::min(a, knee), high = std::min(b, knee);
    return (0.005 * (low * low - high * high) + c.cap * ((a - low) - (b - high))) / (z1 - z0);
}

struct Settled { double fees = 0, deficits = 0; };

// Fees and deficits of accounts [i, j) closed at price p: who is below zero, who cannot pay the whole fee, the rest.
inline void settle(const Case &c, const Side &s, int64_t i, int64_t j, double p, Settled &out) {
    double mine = s.sign * p;
    if (i < j && s.bankruptcy[i] > mine - c.fee * p) {
        int64_t k = gallop(s.bankruptcy, i, j, mine), l = gallop(s.bankruptcy, k, j, mine - c.fee * p);
        out.deficits += (s.value[k] - s.value[i]) - mine * (s.size[k] - s.size[i]);
        out.fees += mine * (s.size[l] - s.size[k]) - (s.value[l] - s.value[k]);
        i = l;
    }
    out.fees += c.fee * p * (s.size[j] - s.size[i]);
}

// All rounds of a tick at fundamental price S.
inline void run_rounds(const Case &c, const Side *sides, Path &path, double S) {
    for (;;) {
        double mark = S * (1 + displacement(c, path.z)), closed = 0, flow = 0;
        int64_t end[2];
        for (int d = 0; d < 2; d++) {
            const Side &s = sides[d];
            end[d] = gallop(s.trigger, path.next[d], s.n, s.sign * mark);
            double size = s.size[end[d]] - s.size[path.next[d]];
            closed += size;
            flow += s.sign * size;
        }
        if (end[0] == path.next[0] && end[1] == path.next[1]) return;
        double z1 = path.z + flow * S / c.depth, p = S * (1 + mean_displacement(c, path.z, z1));
        Settled done;
        for (int d = 0; d < 2; d++) {
            settle(c, sides[d], path.next[d], end[d], p, done);
            path.accounts += double(end[d] - path.next[d]);
            path.next[d] = end[d];
        }
        path.z = z1;
        path.flow += (1 - c.keeper_share) * done.fees;
        double loss = done.deficits - path.flow;
        if (loss > c.fund) path.depleted = 1;
        path.drawdown = std::max(path.drawdown, loss);
        path.flow -= std::min(std::max(c.fund + path.flow, 0.0), done.deficits);
        path.bad_debt += done.deficits;
        path.notional += p * closed;
    }
}

void store(const Path &path, int64_t p, int64_t paths, double *out) {  // out [5, P]
    double row[5] = {path.depleted, path.drawdown, path.bad_debt, path.notional, path.accounts};
    for (int k = 0; k < 5; k++) out[k * paths + p] = row[k];
}
