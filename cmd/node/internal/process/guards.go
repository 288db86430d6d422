package process

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"parley/cmd/internal/usage"
	"parley/raft"
	"parley/rpc/peer"
	"parley/rpc/trust"
)

// guards are what protects the connections of a process.
type guards struct {
	keeper *trust.Keeper // nil without certificates
	shared *trust.Shared // nil without a secret
	found  found         // the secret of shared
}

// openGuards reads certificates, or finds the secret. With make it makes what is missing, outside of the data directory.
func openGuards(s Settings, f Flags, make bool) (g guards, err error) {
	if s.Wire.hasTLS() {
		if f.SecretFile != "" {
			return g, usage.Errorf("--secret-file and --tls-cert contradict one another: nodes with certificates know each other by them")
		}
		g.keeper, err = trust.Open(s.Wire.paths(), raft.NodeID(s.ID))
		return g, err
	}
	if g.found, err = findSecret(s, f, make); err != nil || !g.found.there {
		return g, err
	}
	g.shared, err = trust.NewShared(g.found.secret)
	return g, err
}

func (w Wire) paths() trust.Paths {
	return trust.Paths{Node: trust.Files{Cert: w.Cert, Key: w.Key}, CA: w.CA, Clients: trust.Files{Cert: w.ClientCert, Key: w.ClientKey}}
}

// peers is how the node knows its peers; nil: not at all.
func (g guards) peers() peer.Security {
	switch {
	case g.keeper != nil:
		return g.keeper.Peers()
	case g.shared != nil:
		return g.shared
	}
	return nil
}

// clients is what the port for clients has; nil is plain TCP.
func (g guards) clients(w Wire) *tls.Config {
	if g.keeper == nil {
		return nil
	}
	return g.keeper.Clients(w.ClientCerts)
}

const (
	// renewWithin is how long before the end of a certificate the node begins to ask for another.
	renewWithin = 30 * 24 * time.Hour
	// renewEvery is how often it looks.
	renewEvery = 24 * time.Hour
)

// tell says how the connections are protected, and warns when they are not.
func (g guards) tell(s Settings, dir string, log *slog.Logger) {
	if s.Wire.Insecure && !s.loopback() {
		log.Warn("INSECURE: passwords, messages and tokens of clients go over the network in the clear, and so does all between nodes that share no secret",
			"listens", s.offLoopback(), "instead", "node certs --help")
	}
	switch {
	case g.keeper != nil:
		log.Info("connections are protected by certificates", "name", g.keeper.Name(), "until", g.keeper.Ends().UTC().Format(time.RFC3339))
		g.warnOfEnd(log)
	case g.found.alone:
		log.Warn("this user has no place where other nodes on this machine would find the cluster's secret: start them with --secret-file and a copy of this one",
			"file", filepath.Join(dir, secretFile))
	case g.shared != nil:
		log.Info("peers know each other by the cluster's secret")
	default:
		log.Warn("INSECURE: whoever reaches the peers' port can be any node", "listens", s.PeerAddr)
	}
}

// warnOfEnd warns when a certificate ends soon.
func (g guards) warnOfEnd(log *slog.Logger) {
	if g.keeper != nil && time.Until(g.keeper.Ends()) < renewWithin {
		log.Warn("a certificate ends soon: renew it with node certs renew, then send this process SIGHUP",
			"until", g.keeper.Ends().UTC().Format(time.RFC3339), "files", g.keeper.Paths().Node.Cert+" "+g.keeper.Paths().Clients.Cert)
	}
}

// reload reads the certificates again. What is wrong with them changes nothing for the connections.
func (g guards) reload(log *slog.Logger) {
	if err := g.keeper.Reload(); err != nil {
		log.Error("the certificates were not replaced, and those before stay in use", "reason", err)
		return
	}
	log.Info("the certificates were replaced: connections that stand go on, new ones use these", "until", g.keeper.Ends().UTC().Format(time.RFC3339))
	g.warnOfEnd(log)
}

// tighten sees to it that nobody but the node's user looks into the data directory.
func tighten(dir string, log *slog.Logger) error {
	for _, one := range []struct {
		path string
		mode fs.FileMode
	}{{dir, 0o700}, {filepath.Join(dir, secretFile), 0o600}} {
		info, err := os.Stat(one.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return dirError(dir, err)
		}
		mode := info.Mode().Perm()
		if mode&0o077 == 0 {
			continue
		}
		if err := os.Chmod(one.path, one.mode); err != nil {
			return fmt.Errorf("%s can be read by others (mode %04o), and this user may not change that: chmod %o it, or choose another --dir", one.path, mode, one.mode)
		}
		log.Warn("others could read what is the node's alone, and can't any more: if somebody may have, give the cluster another secret",
			"path", one.path, "mode", fmt.Sprintf("%04o", mode), "now", fmt.Sprintf("%04o", one.mode))
	}
	return nil
}
