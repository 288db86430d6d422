package caller

import "parley/raft/node"

// sendOnce sends a one-shot command, if its time has come.
func (c *Caller) sendOnce(p *pending) {
	if c.now < p.notSend {
		return
	}
	if p.until == 0 {
		p.until = c.now.Add(c.cfg.RepeatMax)
	}
	p.attempt = c.request(Request{Kind: RequestOnce, Ticket: p.op.Ticket, Patience: c.patience(p), Command: node.Command{
		RequestID: p.op.RequestID, Digest: p.op.Digest, Principal: c.cfg.Principal, Body: p.op.Body}})
}

// waitForRoom has a one-shot command wait until the oldest request id is forgotten, if there
// is time for it.
func (c *Caller) waitForRoom(p *pending) {
	p.notSend = c.now.Add(max(p.retry, c.cfg.BackoffMin))
	if p.notSend >= p.op.Deadline || p.until != 0 && p.notSend >= p.until {
		c.giveUp(p)
	}
}

// waitForLevel has a one-shot command wait for as long as a new cluster takes to reach its
// newest level. One in which a node runs an older release keeps on refusing it, and may for days. The level is the same
// for all of them, and so they wait side by side: a busy leader may take only one of them at a time.
func (c *Caller) waitForLevel(p *pending) {
	if p.notYet == 0 {
		p.notYet = c.now.Add(c.cfg.AttemptTimeout)
	}
	for _, q := range c.ops {
		if q.op.RequestID != "" && q.notYet == 0 {
			q.notYet = p.notYet
		}
	}
	p.notSend = c.now.Add(c.cfg.BackoffMax)
	if p.notSend >= p.notYet {
		c.giveUp(p)
	}
}
