package process

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"syscall"

	"parley/raft/node"
	"parley/rpc/auth"
)

const secretFile = "cluster-secret"

// found is a secret, or that there is none.
type found struct {
	secret  auth.Secret
	there   bool
	foreign bool // it is not in the data directory yet
	alone   bool // it was made for this directory, as there is no place where other nodes would find one
}

// findSecret looks for the secret of the cluster: where --secret-file says, in the data directory, and, for a node on loopback that
// has none yet, where this user keeps that of the clusters that he starts on this machine. With make it makes one there. A node
// off loopback has one only if it was given one: one that is made on its machine is known nowhere else.
func findSecret(s Settings, f Flags, make bool) (found, error) {
	if f.SecretFile == "" {
		secret, err := auth.ReadSecretFile(filepath.Join(f.Dir, secretFile))
		if _, exposed := errors.AsType[*auth.ExposedError](err); exposed {
			err = nil // tighten sees to it
		}
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return found{secret: secret, there: true}, err
		}
		if !s.loopback() {
			return found{}, nil
		}
	}
	path, secret := f.SecretFile, auth.Secret{}
	var err error
	switch {
	case path != "" && !s.loopback():
		secret, err = auth.ReadSecretFile(path)
	case path != "":
		secret, err = secretAt(path, make)
	default:
		path = sharedSecretFile(f.Dir)
		if make {
			err = os.MkdirAll(filepath.Dir(path), 0o700)
		}
		if err == nil {
			secret, err = secretAt(path, make)
		}
		if noPlace(err) {
			return found{secret: auth.NewSecret(), there: true, foreign: true, alone: true}, nil
		}
	}
	return found{secret: secret, there: true, foreign: true}, err
}

// noPlace reports whether a file can't be where it should, because this user may not write there or has no home: services are run so.
func noPlace(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.ENOTDIR)
}

// secretAt returns the secret of a file. If there is none it makes one there, or, without make, some that is good for nothing but to look
// whether all else is right.
func secretAt(path string, make bool) (auth.Secret, error) {
	if make {
		secret, _, err := auth.MakeSecretFile(path)
		return secret, err
	}
	secret, err := auth.ReadSecretFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return auth.NewSecret(), nil
	}
	return secret, err
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
	err := os.MkdirAll(filepath.Dir(users), 0o700)
	if err == nil {
		var shared auth.Secret
		if shared, _, err = auth.MakeSecretFile(users); err == nil {
			secret = shared
		}
	}
	if err != nil && !noPlace(err) {
		return err
	}
	return auth.WriteSecretFile(path, secret)
}

// keep puts the secret into the data directory, so that later starts need nothing else.
func (f found) keep(dir string) error {
	if !f.there || !f.foreign {
		return nil
	}
	return WriteFile(filepath.Join(dir, secretFile), []byte(f.secret.Encode()+"\n"))
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
