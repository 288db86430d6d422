package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"google.golang.org/grpc"

	"parley/llm"
)

// Options are what a person says about a server.
type Options struct {
	Listen     string // HOST:PORT
	SecretFile string
	CertFile   string // with KeyFile: TLS, without which only loopback is listened on
	KeyFile    string
	Concurrent int
	Queue      int
	Rate       int
}

// Run serves a backend until the context ends, and closes it. offline is asked for texts that no model is to make; it may be
// nil, see Config. ready is called with the address when calls are taken.
func Run(ctx context.Context, p, offline llm.Provider, o Options, log *slog.Logger, ready func(addr string)) error {
	err := run(ctx, p, offline, o, log, ready)
	if offline != nil {
		err = errors.Join(err, offline.Close())
	}
	return errors.Join(err, p.Close())
}

func run(ctx context.Context, p, offline llm.Provider, o Options, log *slog.Logger, ready func(addr string)) error {
	if o.SecretFile == "" {
		return errors.New("name the file with the secret that callers present")
	}
	secret, err := ReadSecret(o.SecretFile)
	if err != nil {
		return err
	}
	config := Config{Provider: p, Offline: offline, Secret: secret, Log: log, Concurrent: o.Concurrent, Queue: o.Queue, Rate: o.Rate}
	switch {
	case (o.CertFile == "") != (o.KeyFile == ""):
		return errors.New("TLS needs a certificate and its key")
	case o.CertFile != "":
		cert, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return fmt.Errorf("the certificate: %w", err)
		}
		config.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}
	case !onLoopback(o.Listen):
		return fmt.Errorf("%s can be reached from other machines, and the secret and all text would go there in the clear: name a certificate and its key, or listen on 127.0.0.1", o.Listen)
	}
	s, err := New(config)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	ready(l.Addr().String())
	defer context.AfterFunc(ctx, func() { _ = s.Stop() })() // its error is the one that the caller's Close returns
	err = s.Serve(l)
	return errors.Join(notStopped(err), s.Stop())
}

func notStopped(err error) error {
	if errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}

// onLoopback reports whether only this machine can reach an address to listen on.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
