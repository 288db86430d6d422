package auth

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Secrets that processes of one machine share lie in files: one line, the 43 characters of Encode, for the eyes of the
// owner alone. What a file of another mode holds counts as known to everybody, and is not used.

// ExposedError tells that others can read a secret.
type ExposedError struct {
	Path string
	Mode fs.FileMode
}

func (e *ExposedError) Error() string {
	return fmt.Sprintf("%s has mode %04o, so that others can read the secret: take another secret, or chmod 600 it if nobody has read it", e.Path, e.Mode)
}

// ReadSecretFile reads a secret from a file that nobody but its owner may read. Without a file the error is fs.ErrNotExist;
// with an *ExposedError comes the secret all the same.
func ReadSecretFile(path string) (Secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return Secret{}, fmt.Errorf("the file of the secret: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return Secret{}, fmt.Errorf("the file of the secret: %w", err)
	case !info.Mode().IsRegular():
		return Secret{}, fmt.Errorf("%s is no file", path)
	case foreign(info):
		return Secret{}, fmt.Errorf("%s belongs to another user, who knows the secret: take another file", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, secretFileBytesMax))
	if err != nil {
		return Secret{}, fmt.Errorf("the file of the secret: %w", err)
	}
	s, err := ParseSecret("", strings.TrimSpace(string(text)))
	if err != nil { // what the refusal says is about logins
		return Secret{}, fmt.Errorf("%s does not hold a secret, which is 43 characters of base64url", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return s, &ExposedError{path, mode}
	}
	return s, nil
}

// MakeSecretFile returns the secret of a file, and makes one of a new secret if there is none. Of several processes that
// do so at once all get the same.
func MakeSecretFile(path string) (s Secret, made bool, err error) {
	if s, err = ReadSecretFile(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return s, false, err
	}
	s = NewSecret()
	if err = WriteSecretFile(path, s); errors.Is(err, fs.ErrExist) {
		s, err = ReadSecretFile(path) // another process was faster
		return s, false, err
	}
	return s, err == nil, err
}

// WriteSecretFile leaves a secret in a file that is not there yet, else the error is fs.ErrExist. It is there whole or not at
// all, and on disk when the function returns.
func WriteSecretFile(path string, s Secret) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // mode 0600
	if err != nil {
		return fmt.Errorf("the file of the secret: %w", err)
	}
	defer os.Remove(f.Name()) // what it holds has another name by then
	_, err = io.WriteString(f, s.Encode()+"\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("the file of the secret: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil { // unlike a rename it takes nobody's place
		return fmt.Errorf("the file of the secret: %w", err)
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("the file of the secret: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
