package cli

import (
	"crypto/tls"
	"path/filepath"

	"parley/cmd/parley/keep"
	"parley/rpc/trust"
)

// checkTLS reports what can't be of the flags about TLS.
func (a *app) checkTLS() error {
	switch {
	case (a.tls.Cert == "") != (a.tls.Key == ""):
		return usagef("--tls-cert and --tls-key belong together")
	case a.tls.Insecure && (a.tls.CA != "" || a.tls.Cert != ""):
		return usagef("--insecure talks in the clear, and --tls-ca and --tls-cert do not: leave one out")
	}
	return nil
}

// tlsOf is how a cluster is reached: as the flags say, or the environment, or the context.
func (a *app) tlsOf(c keep.Context) keep.TLS {
	if a.tls.Insecure {
		return keep.TLS{Insecure: true}
	}
	t, given := c.TLS, a.tls
	if given.CA == "" {
		given.CA = a.Getenv("PARLEY_TLS_CA")
	}
	for _, one := range []struct {
		to   *string
		from string
	}{{&t.CA, given.CA}, {&t.Cert, given.Cert}, {&t.Key, given.Key}} {
		if one.from == "" {
			continue
		}
		if abs, err := filepath.Abs(one.from); err == nil { // else it will not be found, and that is told
			one.from = abs
		}
		*one.to, t.Insecure = one.from, false
	}
	return t
}

// protection is what client.Config takes; nil leaves it to the client, which talks in the clear to this machine alone.
func (a *app) protection(c keep.Context) (*tls.Config, error) {
	if err := a.checkTLS(); err != nil {
		return nil, err
	}
	t := a.tlsOf(c)
	if t.Insecure {
		a.note("insecure: passwords, tokens and messages are sent in the clear")
		return nil, nil
	}
	if t.CA == "" && t.Cert == "" {
		return nil, nil
	}
	return trust.ClientConfig(t.CA, trust.Files{Cert: t.Cert, Key: t.Key})
}

// traced adds to an error of nobody who answered why TLS did not come about, if it did not.
func (a *app) traced(f failure) failure {
	if a.client == nil || f.exit != exitUnavailable {
		return f
	}
	if failed := a.client.HandshakeError(); failed != nil {
		f.Code, f.Message = "TLS", clean(failed.Error())
		f.Hint = "nothing happened; --tls-ca names the file with the cluster's CA (ca.crt of node certs), and the address must be one that the certificate has"
	}
	return f
}
