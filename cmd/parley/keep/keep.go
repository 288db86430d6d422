// Package keep is what the command line remembers between two commands: contexts, each with the addresses of a cluster and
// who is logged in there.
//
//	<dir>/current              the name of the context in use
//	<dir>/contexts/NAME.json   a context, for its owner's eyes alone
//
// The credentials in a context are as good as a password. So its file has mode 0600 from the moment that it
// is made, is replaced in one step, and is not read when others can read it: whoever has left it open should
// learn so, and not go on.
package keep

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"parley/rpc/client"
)

// Default is the name of the context of whoever names none.
const Default = "default"

// fileBytesMax is far beyond what a context is.
const fileBytesMax = 1 << 20

// Context is a cluster, and who is logged in there.
type Context struct {
	Name        string             `json:"-"`
	Addrs       []string           `json:"addrs,omitempty"`
	TLS         TLS                `json:"tls,omitzero"`
	Credentials client.Credentials `json:"credentials,omitzero"`
}

// TLS is how the connections to a cluster are protected. The zero value is by the CAs of this machine, and not at all on it.
type TLS struct {
	CA       string `json:"ca,omitempty"`   // a file with the cluster's CA; an absolute path, as the others
	Cert     string `json:"cert,omitempty"` // what the client shows itself, where a cluster asks for it
	Key      string `json:"key,omitempty"`
	Insecure bool   `json:"insecure,omitempty"` // in the clear, wherever the nodes are
}

// Dir is where contexts are kept.
type Dir string

// DirOf is the directory that the environment names: PARLEY_CONFIG_DIR, or parley in XDG_CONFIG_HOME, or .config/parley in
// HOME.
func DirOf(getenv func(string) string) (Dir, error) {
	if dir := getenv("PARLEY_CONFIG_DIR"); dir != "" {
		return Dir(dir), nil
	}
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) { // others are to be ignored, says the specification
		return Dir(filepath.Join(dir, "parley")), nil
	}
	if home := getenv("HOME"); home != "" {
		return Dir(filepath.Join(home, ".config", "parley")), nil
	}
	return "", errors.New("nowhere to keep credentials: set PARLEY_CONFIG_DIR or HOME")
}

// An OpenError says that others can read a file that is for its owner alone.
type OpenError struct {
	Path string
	Mode fs.FileMode
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("%s holds credentials, and others can read it (mode %04o)", e.Path, e.Mode.Perm())
}

// An UnknownError says that there is no context of that name.
type UnknownError struct{ Name string }

func (e *UnknownError) Error() string { return fmt.Sprintf("there is no context %q", e.Name) }

// CheckName says why something is no name of a context.
func CheckName(name string) error {
	if name == "" || len(name) > 64 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return fmt.Errorf("%q is no name of a context: 1 to 64 of a-z, 0-9, - and _", name)
	}
	return nil
}

func (d Dir) path(name string) string { return filepath.Join(string(d), "contexts", name+".json") }
func (d Dir) current() string         { return filepath.Join(string(d), "current") }

// Current is the name of the context in use.
func (d Dir) Current() (string, error) {
	b, err := os.ReadFile(d.current())
	if errors.Is(err, fs.ErrNotExist) {
		return Default, nil
	}
	name := strings.TrimSpace(string(b))
	if err == nil {
		err = CheckName(name)
	}
	return name, err
}

// Use has another context be in use.
func (d Dir) Use(name string) error {
	if _, err := d.Load(name); err != nil {
		return err
	}
	return d.write(d.current(), []byte(name+"\n"))
}

// Load reads a context. The default one is always there.
func (d Dir) Load(name string) (Context, error) {
	c := Context{Name: name}
	if err := CheckName(name); err != nil {
		return c, err
	}
	f, err := os.Open(d.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist) && name == Default:
		return c, nil
	case errors.Is(err, fs.ErrNotExist):
		return c, &UnknownError{name}
	case err != nil:
		return c, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return c, err
	case !info.Mode().IsRegular() || info.Size() > fileBytesMax:
		return c, fmt.Errorf("%s is no context", d.path(name))
	case info.Mode().Perm()&0o077 != 0:
		return c, &OpenError{d.path(name), info.Mode()}
	}
	if err := json.NewDecoder(f).Decode(&c); err != nil {
		return c, fmt.Errorf("%s is damaged: remove it, and log in again (%w)", d.path(name), err)
	}
	return c, nil
}

// Update changes a context, one process at a time. It makes one that is not there.
func (d Dir) Update(name string, change func(*Context)) error {
	if err := os.MkdirAll(filepath.Dir(d.path(name)), 0o700); err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(string(d), "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	c, err := d.Load(name)
	if unknown := new(UnknownError); err != nil && !errors.As(err, &unknown) {
		return err
	}
	change(&c)
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return d.write(d.path(name), append(b, '\n'))
}

// Remove forgets a context. Who is logged in there stays so at the cluster.
func (d Dir) Remove(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	err := os.Remove(d.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		err = &UnknownError{name}
	}
	return errors.Join(err, d.DropSuggested(name)) // which has what was said there
}

// List returns the names of all contexts, in their order. The default one is among them.
func (d Dir) List() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(string(d), "contexts"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	names := []string{Default}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".json"); ok && name != Default && CheckName(name) == nil {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, cmp.Compare)
	return names, nil
}

// write puts a file in the place of another in one step: it is there whole, or not at all.
func (d Dir) write(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // once it is renamed there is none
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
