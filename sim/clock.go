package sim

import (
	"math/bits"

	"parley/raft"
)

// clock is what one machine reads: a Mono that starts anywhere, runs a little
// fast or slow and may freeze, and a Wall that may jump. It is a straight line
// through the point (since, mono), bent wherever the plan says so.
//
//	mono
//	  |            ____/   drift changed
//	  |       ____/        frozen
//	  |    __/
//	  +------------------- simulated time
type clock struct {
	since int64     // simulated time of the last bend
	mono  raft.Mono // reading at that time
	ppm   int64     // parts per million that the clock runs fast
	still bool      // frozen
	wall  int64     // Wall minus simulated time
}

// ppmMax bounds the drift that plans may ask for. Real crystals stay below 200;
// 50,000 (5 percent) also covers a badly slewed clock.
const ppmMax = 50_000

// wallStart is the wall clock's reading at simulated time zero: 2026-01-01.
const wallStart = 1_767_225_600_000_000_000

// read returns the Mono at a simulated time not before the last bend.
func (c *clock) read(now int64) raft.Mono {
	if c.still {
		return c.mono
	}
	return c.mono + raft.Mono(scalePPM(now-c.since, 1_000_000+c.ppm, 1_000_000))
}

// readWall returns the Wall at a simulated time.
func (c *clock) readWall(now int64) raft.Wall { return raft.Wall(wallStart + now + c.wall) }

// when returns the earliest simulated time, not before now, at which the Mono
// reads at least m; never for a frozen clock.
func (c *clock) when(m raft.Mono, now int64) int64 {
	if m <= c.read(now) {
		return now
	}
	if c.still || m == raft.Never {
		return never
	}
	t := c.since + scalePPM(int64(m-c.mono), 1_000_000, 1_000_000+c.ppm)
	for c.read(t) < m {
		t++
	}
	return max(t, now)
}

// bend changes rate or freezes or thaws the clock from now on.
func (c *clock) bend(now int64, ppm int64, still bool) {
	c.mono = c.read(now)
	c.since = now
	c.ppm = ppm
	c.still = still
}

// reboot gives the clock a new start: a Mono means nothing across processes.
func (c *clock) reboot(now int64, start raft.Mono) {
	c.since = now
	c.mono = start
}

// never is a simulated time that does not come.
const never = int64(1<<63 - 1)

// scalePPM returns d*num/den without overflow, rounded down. d must not be negative.
func scalePPM(d, num, den int64) int64 {
	if num == den {
		return d // most clocks are right
	}
	hi, lo := bits.Mul64(uint64(d), uint64(num))
	if hi >= uint64(den) {
		return never
	}
	q, _ := bits.Div64(hi, lo, uint64(den))
	return int64(q)
}
