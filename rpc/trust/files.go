package trust

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// fileBytesMax is far beyond what a certificate, a key or a list of CAs is.
const fileBytesMax = 1 << 20

// Certificates and keys lie in PEM files of mode 0600. A certificate is no secret, and may be copied and made readable; a
// key that others can read, or write, is refused. A group may read it: that is how systemd and Kubernetes hand keys over.
const keyModeRefused = 0o037

// Files are where a certificate and its key lie.
type Files struct{ Cert, Key string }

// FilesOf are those of a name in a directory.
func FilesOf(dir, name string) Files {
	return Files{filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")}
}

// Exists returns the first of the files that is there, empty if none is.
func (f Files) Exists() string {
	for _, path := range []string{f.Cert, f.Key} {
		if _, err := os.Lstat(path); err == nil {
			return path
		}
	}
	return ""
}

// Write writes certificate and key, the key first: who reads the new certificate finds its key. What is there is replaced
// with force alone.
func (f Files) Write(p Pair, force bool) error {
	if there := f.Exists(); there != "" && !force {
		return fmt.Errorf("%s exists: take another name or directory, or replace it with --force", there)
	}
	key, err := x509.MarshalPKCS8PrivateKey(p.Key)
	if err != nil {
		return err
	}
	if err := writeFile(f.Key, "PRIVATE KEY", key); err != nil {
		return err
	}
	return writeFile(f.Cert, "CERTIFICATE", p.Cert.Raw)
}

// writeFile writes a file of one PEM block, whole or not at all.
func writeFile(path, kind string, der []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // after the rename there is nothing to remove
	err = pem.Encode(tmp, &pem.Block{Type: kind, Bytes: der})
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// Read reads certificate and key, which must fit.
func (f Files) Read() (Pair, error) {
	certs, err := ReadCerts(f.Cert)
	if err != nil {
		return Pair{}, err
	}
	key, err := readKey(f.Key)
	if err != nil {
		return Pair{}, err
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(certs[0].PublicKey) {
		return Pair{}, fmt.Errorf("%s is not the key of %s", f.Key, f.Cert)
	}
	return Pair{certs[0], key}, nil
}

// ReadAuthority reads a CA that NewAuthority made.
func ReadAuthority(f Files) (*Authority, error) {
	p, err := f.Read()
	if err != nil {
		return nil, err
	}
	if n, err := NameOf(p.Cert); err != nil || !p.Cert.IsCA || n.Node != 0 || n.Client != "" {
		return nil, fmt.Errorf("%s is no CA of a cluster of Parley: make one with node certs ca", f.Cert)
	}
	return &Authority{p.Cert, p.Key}, nil
}

// Pair is the CA's own certificate and key, to be written.
func (a *Authority) Pair() Pair { return Pair{a.Cert, a.key} }

// ReadCerts reads all certificates of a file; there is at least one.
func ReadCerts(path string) (certs []*x509.Certificate, err error) {
	data, err := read(path, 0)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("%s holds no certificate in PEM", path)
	}
	return certs, nil
}

func readKey(path string) (crypto.Signer, error) {
	data, err := read(path, keyModeRefused)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		var key any
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		default:
			continue // parameters of a curve, for instance
		}
		if signer, ok := key.(crypto.Signer); ok && err == nil {
			return signer, nil
		}
		return nil, fmt.Errorf("%s holds a key that can't be read", path) // what x509 says could show some of it
	}
	return nil, fmt.Errorf("%s holds no private key in PEM", path)
}

// read reads a file of bounded size, if none of the refused bits is in its mode.
func read(path string, refused fs.FileMode) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", path)
	case info.Mode().Perm()&refused != 0:
		return nil, fmt.Errorf("%s has mode %04o, so that others can read the key: chmod 600 it, or make a new one if somebody may have", path, info.Mode().Perm())
	}
	var b bytes.Buffer
	_, err = io.Copy(&b, io.LimitReader(f, fileBytesMax))
	return b.Bytes(), err
}
