package process

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"parley/llm/prompt"
	"parley/rpc/answer"
	"parley/rpc/auth"
)

// Assistant is where a node's texts of assistance are made. Without an LLM server the node answers from what was said,
// and says so. Like the rest of what is not membership it may be another from one start to the next.
type Assistant struct {
	Addr         string `json:"llm_addr,omitempty"`         // of the LLM server
	SecretFile   string `json:"llm_secret_file,omitempty"`  // what it wants to see
	CAFile       string `json:"llm_ca,omitempty"`           // who signed its certificate; off loopback it needs one
	Instructions string `json:"llm_instructions,omitempty"` // a folder: what a model is told to do
}

// noLLM takes the LLM server away that was named before.
const noLLM = "none"

// under returns what holds when the command line says something.
func (a Assistant) under(asked Assistant) Assistant {
	if asked.Addr == noLLM {
		return Assistant{}
	}
	asked = asked.absolute()
	return Assistant{
		Addr: cmp.Or(asked.Addr, a.Addr), SecretFile: cmp.Or(asked.SecretFile, a.SecretFile), CAFile: cmp.Or(asked.CAFile, a.CAFile),
		Instructions: cmp.Or(asked.Instructions, a.Instructions),
	}
}

// absolute is the same for a process with another working directory.
func (a Assistant) absolute() Assistant {
	for _, path := range [...]*string{&a.SecretFile, &a.CAFile, &a.Instructions} {
		if *path == "" {
			continue
		}
		if abs, err := filepath.Abs(*path); err == nil {
			*path = abs
		}
	}
	return a
}

// check reports what is wrong with what the command line says.
func (a Assistant) check() error {
	switch {
	case a.Addr == "" && a != (Assistant{}):
		return errors.New("--llm-addr is missing: say where the LLM server listens")
	case a.Addr == "":
		return nil
	case a.SecretFile == "":
		return errors.New("--llm-secret-file is missing: name the file with the secret that the LLM server was started with")
	}
	if err := checkAddr("--llm-addr", a.Addr); err != nil {
		return err
	}
	c, err := a.config()
	if err != nil {
		return err
	}
	m, err := answer.New(c)
	if err != nil {
		return fmt.Errorf("--llm-addr: %w", err)
	}
	return m.Close()
}

// config reads the files.
func (a Assistant) config() (c answer.Config, err error) {
	if a.Addr == "" {
		return c, nil
	}
	secret, err := auth.ReadSecretFile(a.SecretFile)
	if err != nil {
		return c, fmt.Errorf("--llm-secret-file: %w", err)
	}
	c = answer.Config{Addr: a.Addr, Secret: secret.Encode()}
	if a.CAFile != "" {
		pem, err := os.ReadFile(a.CAFile)
		if err != nil {
			return c, fmt.Errorf("--llm-ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return c, fmt.Errorf("--llm-ca: %s holds no certificate", a.CAFile)
		}
		c.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}
	}
	if a.Instructions != "" {
		if c.Instructions, err = prompt.Open(a.Instructions); err != nil {
			return c, fmt.Errorf("--llm-instructions: %w", err)
		}
	}
	return c, nil
}

// asConfig is config for a node that starts in any case: without its LLM server it does all but that.
func (a Assistant) asConfig(log *slog.Logger) answer.Config {
	c, err := a.config()
	if err == nil {
		var m *answer.Maker
		if m, err = answer.New(c); err == nil {
			_ = m.Close()
		}
	}
	if err != nil {
		log.Warn("no LLM server is asked: texts are made without a model", "error", err)
		return answer.Config{}
	}
	c.Logger = log
	return c
}
