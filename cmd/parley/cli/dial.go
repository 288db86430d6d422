package cli

import (
	"context"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"parley/cmd/parley/keep"
	"parley/raft"
	"parley/rpc/client"
)

// addrsDefault are the nodes of a local cluster as `node dev` starts it.
var addrsDefault = []string{"127.0.0.1:50051", "127.0.0.1:50052", "127.0.0.1:50053"}

// inUse is the context that a command works in.
func (a *app) inUse() (keep.Dir, keep.Context, error) {
	dir, err := keep.DirOf(a.Getenv)
	if err != nil {
		return dir, keep.Context{}, err
	}
	name := a.context
	if name == "" {
		name = a.Getenv("PARLEY_CONTEXT")
	}
	if name == "" {
		if name, err = dir.Current(); err != nil {
			return dir, keep.Context{}, err
		}
	}
	c, err := dir.Load(name)
	return dir, c, err
}

// addresses are those of --addrs, or of the environment, or of the context, or of a local cluster.
func (a *app) addresses(c keep.Context) (addrs []string, err error) {
	given := a.addrs
	if env := a.Getenv("PARLEY_ADDRS"); len(given) == 0 && env != "" {
		given = strings.Split(env, ",")
	}
	for _, of := range [][]string{c.Addrs, c.Credentials.Addrs, addrsDefault} {
		if len(given) == 0 {
			given = of
		}
	}
	for _, addr := range given {
		addr = strings.TrimSpace(addr)
		host, port, err := net.SplitHostPort(addr)
		if err != nil || host == "" || port == "" {
			return nil, usagef("--addrs: %q is not HOST:PORT", addr)
		}
		if _, err := net.LookupPort("tcp", port); err != nil {
			return nil, usagef("--addrs: %q has no port from 1 to 65535", addr)
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

// dial makes a client of the global flags and of who is logged in.
func (a *app) dial() (*client.Client, error) {
	dir, c, err := a.inUse()
	if err != nil {
		return nil, err
	}
	addrs, err := a.addresses(c)
	if err != nil {
		return nil, err
	}
	protection, err := a.protection(c)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname() // without one the list of logins says less
	a.client, err = client.New(client.Config{
		Addrs: addrs, TLS: protection, Insecure: a.tlsOf(c).Insecure, Credentials: c.Credentials, Name: clipped("parley on "+host, clientNameMax),
		Dial: a.dialOptions,
		Renewed: func(who client.Credentials) {
			err := dir.Update(c.Name, func(c *keep.Context) {
				if c.Credentials.Login == who.Login { // nobody has logged in or out meanwhile
					c.Credentials = who
				}
			})
			if err != nil {
				a.note("the renewed token could not be kept: %v", err)
			}
		},
	})
	return a.client, err
}

// clientNameMax is how long the name of a client may be.
const clientNameMax = 80

// clipped is the beginning of a text of one line.
func clipped(s string, bytesMax int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), bytesMax)]
}

// with dials, bounds what is asked, and hangs up.
func (a *app) with(cmd *cobra.Command, do func(context.Context, *client.Client) error) error {
	c, err := a.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := a.bounded(cmd.Context())
	defer cancel()
	return do(ctx, c)
}

// once are the options of a command.
func (a *app) once() client.Option { return client.Once(a.requestID) }

// fresh are the options of a read.
func (a *app) fresh() client.Option {
	if !a.stale {
		return client.Stale(false)
	}
	return client.StaleAt(func(at raft.Position) { a.staleAt = max(a.staleAt, at) })
}

// bounded returns a context that ends after --timeout.
func (a *app) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, a.timeout)
}
