package process

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"syscall"
	"time"

	"parley/raft"
	"parley/raft/node"
	"parley/rpc/auth"
	"parley/rpc/peer"
	"parley/rpc/trust"
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

// guards are what protects the connections of a process.
type guards struct {
	keeper  *trust.Keeper // nil without certificates
	shared  *trust.Shared // nil without a secret
	secret  auth.Secret   // of shared
	foreign bool          // the secret is not in the data directory yet
}

const secretFile = "cluster-secret"

// openGuards reads certificates, or finds the secret. With make it makes what is missing, outside of the data directory.
func openGuards(s Settings, f Flags, make bool) (g guards, err error) {
	if s.Wire.hasTLS() {
		if f.SecretFile != "" {
			return g, errors.New("--secret-file and --tls-cert contradict one another: nodes with certificates know each other by them")
		}
		g.keeper, err = trust.Open(s.Wire.paths(), raft.NodeID(s.ID))
		return g, err
	}
	var found bool
	if g.secret, g.foreign, found, err = findSecret(s, f, make); err != nil || !found {
		return g, err
	}
	g.shared, err = trust.NewShared(g.secret)
	return g, err
}

func (w Wire) paths() trust.Paths {
	return trust.Paths{Node: trust.Files{Cert: w.Cert, Key: w.Key}, CA: w.CA, Clients: trust.Files{Cert: w.ClientCert, Key: w.ClientKey}}
}

// findSecret looks for the secret of the cluster: where --secret-file says, in the data directory, and, for a node on loopback that
// has none yet, where this user keeps that of the clusters that he starts on this machine. A node off loopback has one
// only if it was given one.
func findSecret(s Settings, f Flags, make bool) (secret auth.Secret, foreign, found bool, err error) {
	read := func(path string) (auth.Secret, bool, bool, error) {
		secret, err := auth.ReadSecretFile(path)
		return secret, true, err == nil, err
	}
	if f.SecretFile == "" {
		secret, err := auth.ReadSecretFile(filepath.Join(f.Dir, secretFile))
		if _, exposed := errors.AsType[*auth.ExposedError](err); exposed {
			err = nil // tighten sees to it
		}
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return secret, false, err == nil, err
		}
	}
	switch {
	case f.SecretFile != "" && !s.loopback():
		return read(f.SecretFile) // one that is made here is known nowhere else
	case !s.loopback():
		return auth.Secret{}, false, false, nil
	}
	path := f.SecretFile
	if path == "" {
		path = sharedSecretFile(f.Dir)
	}
	if !make {
		secret, err := auth.ReadSecretFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return auth.NewSecret(), true, true, nil // start would make one
		}
		return secret, true, err == nil, err
	}
	if f.SecretFile == "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return secret, false, false, fmt.Errorf("no place for the cluster's secret (%w): name one with --secret-file", err)
		}
	}
	secret, _, err = auth.MakeSecretFile(path)
	return secret, true, err == nil, err
}

// sharedSecretFile is where a user keeps the secret of the clusters that he starts on this machine without giving them one of
// their own: beside the credentials of his client; or beside the data directory, if he has no home.
func sharedSecretFile(dir string) string {
	if config := os.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(config) {
		return filepath.Join(config, "parley", secretFile)
	}
	home := os.Getenv("HOME")
	if home == "" {
		if u, err := user.Current(); err == nil {
			home = u.HomeDir
		}
	}
	if !filepath.IsAbs(home) {
		return filepath.Join(filepath.Dir(filepath.Clean(dir)), secretFile)
	}
	return filepath.Join(home, ".config", "parley", secretFile)
}

// ShareSecret sees to it that a file holds the secret of a cluster on this machine: if there is none, that which the user's nodes
// have that are started by hand, so that one of them can be added; or a new one, if there is no place to keep that.
func ShareSecret(path string) error {
	if _, err := auth.ReadSecretFile(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	secret := auth.NewSecret()
	users := sharedSecretFile(filepath.Dir(path))
	if os.MkdirAll(filepath.Dir(users), 0o700) == nil {
		shared, _, err := auth.MakeSecretFile(users)
		switch {
		case err == nil:
			secret = shared
		case !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS):
			return err
		}
	}
	return auth.WriteSecretFile(path, secret)
}

// keep puts the secret into the data directory, so that later starts need nothing else.
func (g guards) keep(dir string) error {
	if g.shared == nil || !g.foreign {
		return nil
	}
	return WriteFile(filepath.Join(dir, secretFile), []byte(g.secret.Encode()+"\n"))
}

// Secret returns the secret that a data directory holds, as a file.
func Secret(dir string) (f node.RecoveryFile, there bool, err error) {
	f.Name = secretFile
	f.Data, err = os.ReadFile(filepath.Join(dir, secretFile))
	if errors.Is(err, fs.ErrNotExist) {
		return f, false, nil
	}
	if err != nil {
		return f, false, dirError(dir, err)
	}
	return f, true, nil
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
func (g guards) tell(s Settings, log *slog.Logger) {
	if s.Wire.Insecure && !s.loopback() {
		log.Warn("INSECURE: passwords, messages and tokens of clients go over the network in the clear, and so does all between nodes that share no secret",
			"listens", s.offLoopback(), "instead", "node certs --help")
	}
	switch {
	case g.keeper != nil:
		log.Info("connections are protected by certificates", "name", g.keeper.Name(), "until", g.keeper.Ends().UTC().Format(time.RFC3339))
		g.warnOfEnd(log)
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
