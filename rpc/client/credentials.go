package client

import (
	"context"
	"fmt"
	"time"

	"parley/raft/node"
	pb "parley/rpc/proto/parley/v1"
)

// Credentials are one log-in of one user. Whoever has them is the user until it ends: keep them where nobody else
// reads. Printed, they do not show the token; marshalled to JSON, they do.
//
// The secret of the login is not among them: it is in the token.
type Credentials struct {
	Cluster uint64    `json:"cluster"` // 0: not known
	Addrs   []string  `json:"addrs"`   // those that the client was given when it logged in
	User    string    `json:"user"`    // the name, in the case in which it was made
	Login   string    `json:"login"`   // the id
	Token   string    `json:"token"`
	Since   time.Time `json:"since"` // when the token was made, by this machine's clock
	Expires time.Time `json:"expires"`
}

// LoggedIn reports whether these are anybody's.
func (c Credentials) LoggedIn() bool { return c.Token != "" }

// String writes who it is, not the token.
func (c Credentials) String() string {
	if !c.LoggedIn() {
		return "nobody"
	}
	return fmt.Sprintf("%s (%s)", c.User, c.Login)
}

// GoString writes what String does.
func (c Credentials) GoString() string { return c.String() }

// Credentials are those in use.
func (c *Client) Credentials() Credentials {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.who
}

// Use has everything from now on be done under other credentials; the zero value is nobody's. What is under way
// under those before ends, as unknown where that is the truth, and so do their streams.
func (c *Client) Use(who Credentials) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	before := c.calls
	if who.Login == c.who.Login && who.User == c.who.User {
		before.token.Store(&who.Token)
		before = nil
	} else {
		c.calls = newCalls(&c.cfg, c.conns, who.Token)
	}
	c.who = who
	c.mu.Unlock()
	c.planRenewal(0)
	if before != nil {
		before.close()
	}
}

// planRenewal has the token renewed when renewAfter of its life is over, yet not before earliest has passed.
func (c *Client) planRenewal(earliest time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.renewal != nil {
		c.renewal.Stop()
		c.renewal = nil
	}
	life := c.who.Expires.Sub(c.who.Since)
	if c.closed || !c.who.LoggedIn() || life <= 0 {
		return
	}
	in := max(earliest, time.Until(c.who.Since.Add(life/renewParts*(renewParts-1))))
	who := c.who
	c.renewal = time.AfterFunc(in, func() { c.renew(who) })
}

// renew exchanges the token for one that lasts longer. One that can't be is left to expire.
func (c *Client) renew(who Credentials) {
	c.mu.Lock()
	if c.closed || c.who.Login != who.Login {
		c.mu.Unlock()
		return
	}
	c.renewing.Add(1)
	c.mu.Unlock()
	defer c.renewing.Done()
	ctx, cancel := context.WithTimeout(context.Background(), renewMax)
	defer cancel()
	_, err := c.Renew(ctx)
	switch e := failedAs(err); {
	case err == nil:
	case e != nil && e.unauthenticated(), time.Until(who.Expires) < 0:
		// It ends here. Whoever calls next is told.
	default:
		c.planRenewal(renewAgain)
	}
}

// awaitRenewal gives a renewal that is under way the time to end, and not much.
func (c *Client) awaitRenewal() {
	done := make(chan struct{})
	go func() {
		c.renewing.Wait()
		close(done)
	}()
	timer := time.NewTimer(closeMax)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// take uses a renewed token, unless another login is in use by now.
func (c *Client) take(renewed *pb.RenewResponse, login string) {
	c.mu.Lock()
	if c.who.Login != login {
		c.mu.Unlock()
		return
	}
	who := c.who
	who.Token, who.Since, who.Expires = renewed.GetToken(), time.Now(), renewed.GetExpires().AsTime()
	c.mu.Unlock()
	if c.cfg.Renewed != nil {
		c.cfg.Renewed(who)
	}
	c.mu.Lock()
	if c.who.Login == login {
		c.who = who
		c.calls.token.Store(&who.Token)
	}
	c.mu.Unlock()
	c.planRenewal(renewAgain)
}

// clusterOf asks one node after another which cluster it is of; 0 if none answers.
func (c *Client) clusterOf(ctx context.Context) uint64 {
	ctx, cancel := context.WithTimeout(ctx, statusMax)
	defer cancel()
	for _, addr := range c.addrs {
		conn, err := c.conns.get(addr)
		if err != nil {
			continue
		}
		if r, err := pb.NewClusterServiceClient(conn).Status(c.current().as(ctx), &pb.StatusRequest{}); err == nil && r.GetCluster() != 0 {
			return r.GetCluster()
		}
	}
	return 0
}

// nobody is the error of what needs a login where there is none.
func nobody() *Error {
	return &Error{Outcome: node.Refused, Code: codeUnauthenticated, Reason: ReasonTokenMissing, Text: "Nobody is logged in."}
}
