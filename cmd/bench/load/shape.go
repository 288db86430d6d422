package load

import (
	"errors"
	"strconv"
	"time"

	"github.com/spf13/pflag"
)

// Shape is how a run is driven and shown beyond the number of its callers, as flags of a command.
type Shape struct {
	Pace      int
	Histogram bool
}

// AddTo adds the flags.
func (s *Shape) AddTo(f *pflag.FlagSet) {
	f.IntVar(&s.Pace, "pace", 0, "operations a second of all callers together, whose latencies count from when they were due; 0: as many as are answered")
	f.BoolVar(&s.Histogram, "histogram", false, "also show how many latencies lay in each power of two of microseconds")
}

// Check says what makes no sense.
func (s *Shape) Check() error {
	if s.Pace < 0 || s.Pace > int(time.Second) {
		return errors.New("--pace must be 0 to 1000000000")
	}
	return nil
}

// Take fills in what the flags ask for.
func (s *Shape) Take(p *Point, r Result) {
	p.Pace = s.Pace
	if s.Histogram {
		p.Bars = r.Took.Bars()
	}
}

// Args are the flags again, for a process of another command.
func (s *Shape) Args() (args []string) {
	if s.Pace != 0 {
		args = append(args, "--pace", strconv.Itoa(s.Pace))
	}
	if s.Histogram {
		args = append(args, "--histogram")
	}
	return args
}
