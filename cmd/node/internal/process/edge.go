package process

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"parley/rpc/auth"
	"parley/rpc/server"
	"parley/statemachine/state"
)

// Edge is what a node's server is told about people who log in. Like the lease it is no part of the membership, and may
// be another from one start to the next; what a start does not say is as the one before said.
type Edge struct {
	BcryptCost    int    `json:"bcrypt_cost,omitempty"`    // of new passwords' hashes
	DemoUsers     bool   `json:"demo_users,omitempty"`     // alice, bob and charlie, whose passwords everybody knows
	SignUp        string `json:"sign_up,omitempty"`        // open, invite or closed, of a cluster that is being made
	TokenLifetime string `json:"token_lifetime,omitempty"` // a duration
}

// signUpModes are the modes as the command line has them.
var signUpModes = map[string]state.SignUpMode{"": 0, "open": state.SignUpOpen, "invite": state.SignUpInvite, "closed": state.SignUpClosed}

// under returns what holds when the command line says something.
func (e Edge) under(asked Edge) Edge {
	if asked.BcryptCost != 0 {
		e.BcryptCost = asked.BcryptCost
	}
	if asked.SignUp != "" {
		e.SignUp = asked.SignUp
	}
	if asked.TokenLifetime != "" {
		e.TokenLifetime = asked.TokenLifetime
	}
	e.DemoUsers = e.DemoUsers || asked.DemoUsers
	return e
}

// CheckCost reports a cost of passwords' hashes that no node takes, or none that others can reach; 0 is the usual.
func CheckCost(cost int, loopback bool) error {
	if _, err := auth.NewHasher(cost, loopback); err != nil {
		return fmt.Errorf("--bcrypt-cost: %w", err)
	}
	return nil
}

// check reports what the server would refuse.
func (e Edge) check(loopback bool) error {
	var wrong []error
	if err := CheckCost(e.BcryptCost, loopback); err != nil {
		wrong = append(wrong, err)
	}
	if _, known := signUpModes[e.SignUp]; !known {
		wrong = append(wrong, fmt.Errorf("--sign-up: %q is none of open, invite and closed", e.SignUp))
	}
	if e.TokenLifetime != "" {
		d, err := time.ParseDuration(e.TokenLifetime)
		if err != nil || d == 0 {
			wrong = append(wrong, fmt.Errorf("--token-lifetime: %q is no duration; write for example 24h", e.TokenLifetime))
		} else if _, err := auth.NewKeyring(d, time.Now); err != nil {
			wrong = append(wrong, fmt.Errorf("--token-lifetime: %w", err))
		}
	}
	if e.DemoUsers && !loopback {
		wrong = append(wrong, errors.New("--demo-users: everybody knows their passwords, so they are for nodes that listen on loopback alone: "+
			"leave it out, or listen on 127.0.0.1"))
	}
	return errors.Join(wrong...)
}

// loopback says whether no listener is reachable from other machines.
func (s Settings) loopback() bool { return onLoopback(s.ClientAddr) && onLoopback(s.PeerAddr) }

func onLoopback(addr string) bool {
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// serverConfig is what the server gets.
func (s Settings) serverConfig(dir string) server.Config {
	return server.Config{
		Version:       Version(),
		Loopback:      s.loopback(),
		SignUp:        signUpModes[s.Edge.SignUp],
		DemoUsers:     s.Edge.DemoUsers,
		BcryptCost:    s.Edge.BcryptCost,
		TokenLifetime: duration(s.Edge.TokenLifetime),
		Token:         tokenFile(filepath.Join(dir, "bootstrap-token")),
	}
}

// tokenFile is where the first admin's token lies. Only the node's own user may read it.
type tokenFile string

// Write leaves the token, whole or not at all.
func (f tokenFile) Write(token string) error { return WriteFile(string(f), []byte(token+"\n")) }

// Remove takes it away.
func (f tokenFile) Remove() error {
	if err := os.Remove(string(f)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
