package host

import (
	"runtime"
	"time"
)

// courtesy is how the loop and the disk give way before they take what waits. Whoever else can run has his turn first:
// callers that were just answered ask again, and connections that have read deliver. What comes so shares a Step, a
// message and a sync; where nobody else can run it costs next to nothing.
//
// A thousand goroutines that each do a little are through in a millisecond or two. Some that compute for long, a dozen
// passwords that are hashed, say, are not: each has a processor for ten milliseconds, and who gave way
// stands behind all of them. So whoever had to wait for long does not give way for ten times as long.
type courtesy struct {
	now  func() time.Time
	give func() // runtime.Gosched
	not  time.Time
}

const (
	// yieldMax is how long others may take: more than thousands of callers need to ask again, and than a busy machine
	// takes a processor away for; less than anybody's election timeout by far.
	yieldMax = 20 * time.Millisecond
	// yieldRest is how many times as long as others took nobody is given way.
	yieldRest = 10
)

func newCourtesy() courtesy { return courtesy{now: time.Now, give: runtime.Gosched} }

// yield lets others run, if that is not known to take long.
func (c *courtesy) yield() {
	begin := c.now()
	if begin.Before(c.not) {
		return
	}
	c.give()
	if end := c.now(); end.Sub(begin) > yieldMax {
		c.not = end.Add(yieldRest * end.Sub(begin))
	}
}
