package load

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"
)

// Meter is a moment, and what the processors had done until then.
type Meter struct {
	At  time.Time
	Own time.Duration // by this process
	All time.Duration // by all; zero where nobody tells
}

// ReadMeter looks at it now.
func ReadMeter() Meter { return Meter{time.Now(), ownCPU(), machineCPU()} }

// Others is how many processors everything else on the machine used since an earlier moment.
func (m Meter) Others(since Meter) float64 {
	return max(0, ((m.All-since.All)-(m.Own-since.Own)).Seconds()/m.At.Sub(since.At).Seconds())
}

// quietBelow is what an idle machine uses for itself.
const quietBelow = 0.15

// AwaitQuiet waits until nothing else has run for two seconds, or for as long as the patience lasts: who else
// uses the machine stands beside the figures.
func AwaitQuiet(ctx context.Context, patience time.Duration) error {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		before := ReadMeter()
		if err := Pause(ctx, 2*time.Second); err != nil {
			return err
		}
		if ReadMeter().Others(before) < quietBelow {
			break
		}
	}
	return nil
}

// machineCPU adds up what Linux says in /proc/stat: user, nice, system, irq, softirq and steal, in hundredths of
// a second.
func machineCPU() time.Duration {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	fields := strings.Fields(line)
	total := time.Duration(0)
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		if i < len(fields) {
			ticks, _ := strconv.ParseInt(fields[i], 10, 64) // what is no number counts nothing
			total += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return total
}
