package host

import (
	"runtime"
	"time"
)

// courtesy is how the loop and the disk give way before they take what waits. Whoever else can run has his turn first:
// callers that were just answered ask again, and connections that have read deliver. What comes so shares a Step, a
// message and a sync.
//
// One turn is not all of theirs. The runtime lets who gave way run again after some sixty others, and another processor that
// has nothing to do takes him up at once. So he gives way again for as long as each turn brings several, and for a moment at
// most: of two hundred callers who were just answered, sixty would else make a round of reads, or a batch, of
// their own, and everybody else wait for that to end. One who comes alone is no crowd: a lone caller always does.
//
// It is not for nothing. The one who gives way wakes a thread that looks for work where there is none, and stands behind
// whoever else has something to do. That is much of what a lone write takes, which nothing will ever join. So whoever gave
// way many times in a row and found hardly more waiting than before gives way now and then only, until
// that has brought a crowd again.
//
// A thousand goroutines that each do a little are through in a millisecond or two. Some that compute for long, a dozen
// passwords that are hashed, say, are not: each has a processor for ten milliseconds, and who gave way
// stands behind all of them. So whoever had to wait for long does not give way for ten times as long.
type courtesy struct {
	now     func() time.Time
	give    func()     // runtime.Gosched
	waiting func() int // how much there is to take
	few     int        // so many that come in a turn are no crowd
	not     time.Time  // before this nobody is given way
	vain    int        // turns in a row, given or passed over, that brought no crowd
}

const (
	// yieldMax is how long others may take: more than thousands of callers need to ask again, and than a busy machine
	// takes a processor away for; less than anybody's election timeout by far.
	yieldMax = 20 * time.Millisecond
	// yieldMore is for how long further turns are given: a thousand callers ask again in half a millisecond, and what a
	// quarter of them waits for the others is less than what a round or a sync takes.
	yieldMore = time.Millisecond
	// yieldRest is how many times as long as others took nobody is given way.
	yieldRest = 10
	// yieldVain is how many turns in vain show that nobody else is coming, and yieldTry how often it is tried all the same
	// from then on: callers that come all at once wait for that many Steps, ten milliseconds or so.
	yieldVain = 16
	yieldTry  = 64
)

func newCourtesy(waiting func() int, few int) courtesy {
	return courtesy{now: time.Now, give: runtime.Gosched, waiting: waiting, few: few}
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
	c.vain++
	for more := true; more; {
		had := c.waiting()
		c.give()
		crowd := c.waiting()-had > c.few
		if crowd {
			c.vain = 0
		}
		end := c.now()
		took := end.Sub(begin)
		if took > yieldMax {
			c.not = end.Add(yieldRest * took)
		}
		more = crowd && took < yieldMore
	}
}
