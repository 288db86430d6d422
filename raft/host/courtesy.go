package host

import (
	"runtime"
	"time"
)

// courtesy is how the loop and the disk give way before they take what waits. Whoever else can run has his turn first:
// callers that were just answered ask again, and connections that have read deliver. What comes so shares a Step, a
// message and a sync.
//
// It is not for nothing. The one who gives way wakes a thread that looks for work where there is none, and stands behind
// whoever else has something to do. That is much of what a lone write takes, which nothing will ever join. So whoever gave
// way many times in a row and found no more waiting than before gives way now and then only, until
// that has brought something again.
//
// A thousand goroutines that each do a little are through in a millisecond or two. Some that compute for long, a dozen
// passwords that are hashed, say, are not: each has a processor for ten milliseconds, and who gave way
// stands behind all of them. So whoever had to wait for long does not give way for ten times as long.
type courtesy struct {
	now     func() time.Time
	give    func()     // runtime.Gosched
	waiting func() int // how much there is to take
	not     time.Time  // before this nobody is given way
	vain    int        // turns in a row, given or passed over, that brought nothing
}

const (
	// yieldMax is how long others may take: more than thousands of callers need to ask again, and than a busy machine
	// takes a processor away for; less than anybody's election timeout by far.
	yieldMax = 20 * time.Millisecond
	// yieldRest is how many times as long as others took nobody is given way.
	yieldRest = 10
	// yieldVain is how many turns in vain show that nobody else is coming, and yieldTry how often it is tried all the same
	// from then on: callers that come all at once wait for that many Steps, a few milliseconds.
	yieldVain = 16
	yieldTry  = 16
)

func newCourtesy(waiting func() int) courtesy {
	return courtesy{now: time.Now, give: runtime.Gosched, waiting: waiting}
}

// yield lets others run, if that is not known to take long, or to be in vain.
func (c *courtesy) yield() {
	if c.vain >= yieldVain && c.vain%yieldTry != 0 {
		c.vain++
		return
	}
	begin := c.now()
	if begin.Before(c.not) {
		return
	}
	had := c.waiting()
	c.give()
	if end := c.now(); end.Sub(begin) > yieldMax {
		c.not = end.Add(yieldRest * end.Sub(begin))
	}
	c.vain++
	if c.waiting() > had {
		c.vain = 0
	}
}
