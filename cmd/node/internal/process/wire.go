package process

import (
	"errors"
	"fmt"
	"path/filepath"

	"parley/rpc/peer"
)

// Wire is how the node's connections are protected. Like the lease it may be another from one start to the next.
//
//	             peers                              clients
//	tls          mutual TLS, by the cluster's CA    TLS, by that CA or another
//	loopback     TLS, by a secret that they share   plain, as nobody else hears it
//	insecure     plain, or by a secret              plain
type Wire struct {
	Cert        string `json:"tls_cert,omitempty"` // paths are absolute
	Key         string `json:"tls_key,omitempty"`
	CA          string `json:"tls_ca,omitempty"`
	ClientCert  string `json:"client_tls_cert,omitempty"`
	ClientKey   string `json:"client_tls_key,omitempty"`
	ClientCerts bool   `json:"client_certs,omitempty"`
	Insecure    bool   `json:"insecure,omitempty"`
	Transport   string `json:"transport,omitempty"` // tcp or grpc, between nodes; empty: peer.DefaultWire
}

// WireFlags is what the command line says about it; nil and empty were not given.
type WireFlags struct {
	Cert, Key, CA         string
	ClientCert, ClientKey string
	ClientCerts, Insecure *bool
	Transport             string
}

// under returns what holds when the command line says something.
func (w Wire) under(f WireFlags) Wire {
	for _, one := range []struct {
		at    *string
		given string
	}{{&w.Cert, f.Cert}, {&w.Key, f.Key}, {&w.CA, f.CA}, {&w.ClientCert, f.ClientCert}, {&w.ClientKey, f.ClientKey}} {
		if one.given != "" {
			if abs, err := filepath.Abs(one.given); err == nil { // else the working directory is gone, and the open will tell
				one.given = abs
			}
			*one.at = one.given
		}
	}
	if f.ClientCerts != nil {
		w.ClientCerts = *f.ClientCerts
	}
	if f.Transport != "" {
		w.Transport = f.Transport
	}
	switch {
	case f.Insecure != nil && *f.Insecure && f.Cert == "" && f.Key == "" && f.CA == "":
		return Wire{Insecure: true, Transport: w.Transport} // whoever says so now no longer wants the certificates that were saved
	case f.Insecure != nil:
		w.Insecure = *f.Insecure
	case f.Cert != "":
		w.Insecure = false
	}
	return w
}

// transport is how nodes talk.
func (w Wire) transport() (peer.Wire, error) {
	if w.Transport == "" {
		return peer.DefaultWire, nil
	}
	return peer.ParseWire(w.Transport)
}

// hasTLS reports whether the node has certificates.
func (w Wire) hasTLS() bool { return w.Cert != "" }

// check reports what can't be, before any file is read.
func (w Wire) check(s *Settings) error {
	if _, err := w.transport(); err != nil {
		return fmt.Errorf("--transport: %w", err)
	}
	given := 0
	missing := ""
	for _, one := range []struct{ flag, value string }{{"--tls-cert", w.Cert}, {"--tls-key", w.Key}, {"--tls-ca", w.CA}} {
		if one.value != "" {
			given++
		} else if missing == "" {
			missing = one.flag
		}
	}
	switch {
	case given > 0 && given < 3:
		return fmt.Errorf("--tls-cert, --tls-key and --tls-ca belong together, and %s is missing", missing)
	case given > 0 && w.Insecure:
		return errors.New("--insecure and --tls-cert contradict one another: with certificates nothing is sent in the clear")
	case given == 0 && w.ClientCerts:
		return errors.New("--client-certs needs --tls-ca, by which they are verified, and the node's own certificate (--tls-cert, --tls-key)")
	case given == 0 && (w.ClientCert != "" || w.ClientKey != ""):
		return errors.New("--client-tls-cert needs --tls-cert, --tls-key and --tls-ca for the other nodes: clients alone are not protected")
	case (w.ClientCert == "") != (w.ClientKey == ""):
		return errors.New("--client-tls-cert and --client-tls-key belong together, and one is missing")
	case given == 0 && !w.Insecure && !s.loopback():
		return fmt.Errorf("%s can be reached from other machines, and passwords and messages would go there in the clear: make certificates (node certs --help) and give --tls-cert, --tls-key and --tls-ca, or accept it with --insecure",
			s.offLoopback())
	}
	return nil
}

// offLoopback returns the first address that other machines may reach, with its flag.
func (s Settings) offLoopback() string {
	if !onLoopback(s.ClientAddr) {
		return s.ClientAddr + " (--client-addr)"
	}
	return s.PeerAddr + " (--peer-addr)"
}
