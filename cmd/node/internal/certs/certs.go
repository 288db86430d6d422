// Package certs makes and shows the files of node certs: a cluster's CA, and the certificates of its nodes and clients.
package certs

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"parley/cmd/internal/usage"
	"parley/raft"
	"parley/raft/vfs/osfs"
	"parley/rpc/auth"
	"parley/rpc/trust"
)

// Options is what the command line says.
type Options struct {
	Dir     string // with ca.crt and ca.key; what is made lies there too
	Name    string // of the cluster, or of a client
	ID      uint64 // of a node
	Hosts   []string
	Cluster string // a cluster id in hexadecimal, or empty
	Days    int
	Force   bool
}

// The days that certificates are good for if nobody says otherwise. A CA outlives many certificates: to replace it, all nodes
// have to be told of both for a while.
const (
	DaysOfCA   = 3650
	DaysOfCert = 365
	daysMax    = 36500
)

func (o Options) life() (time.Duration, error) {
	if o.Days < 1 || o.Days > daysMax {
		return 0, usage.Errorf("--days %d: from 1 to %d", o.Days, daysMax)
	}
	return time.Duration(o.Days) * 24 * time.Hour, nil
}

func (o Options) ca() trust.Files { return trust.FilesOf(o.Dir, "ca") }

// MakeCA makes a cluster's CA.
func MakeCA(o Options, stdout io.Writer) error {
	life, err := o.life()
	if err != nil {
		return err
	}
	if o.Name == "" {
		o.Name = "cluster-" + strings.ToLower(rand.Text()[:8])
	}
	a, err := trust.NewAuthority(o.Name, life)
	if err != nil {
		return usage.Errorf("--name: %w", err)
	}
	if err := osfs.MakeDir(o.Dir); err != nil {
		return err
	}
	if there := o.ca().Exists(); there != "" {
		return fmt.Errorf("%s exists, and without it all that it made is worthless: to replace a CA, make another in a new directory", there)
	}
	return write(o.ca(), a.Pair(), false, stdout)
}

// MakeNode makes a node's certificate.
func MakeNode(o Options, stdout io.Writer) error {
	if o.ID == 0 {
		return usage.Errorf("--id is missing: a certificate is that of one node")
	}
	if len(o.Hosts) == 0 {
		return usage.Errorf("--host is missing: clients verify by it that they reach the right machine; write the names and addresses that they use")
	}
	n := trust.Name{Node: raft.NodeID(o.ID)}
	if o.Cluster != "" {
		id, err := strconv.ParseUint(o.Cluster, 16, 64)
		if err != nil || id == 0 {
			return usage.Errorf("--cluster-id: %q is no cluster's id; node inspect shows it", o.Cluster)
		}
		n.ID = raft.ClusterID(id)
	}
	return o.issue(n, fmt.Sprintf("node-%d", o.ID), stdout)
}

// MakeClient makes a client's certificate.
func MakeClient(o Options, stdout io.Writer) error {
	if err := trust.CheckLabel(o.Name); err != nil {
		return usage.Errorf("--name: %w", err)
	}
	return o.issue(trust.Name{Client: o.Name}, "client-"+o.Name, stdout)
}

func (o Options) issue(n trust.Name, name string, stdout io.Writer) error {
	life, err := o.life()
	if err != nil {
		return err
	}
	a, err := trust.ReadAuthority(o.ca())
	if err != nil {
		return fmt.Errorf("the cluster's CA: %w (node certs ca makes one)", err)
	}
	p, err := a.Issue(n, o.Hosts, life)
	if err != nil {
		return err
	}
	return write(trust.FilesOf(o.Dir, name), p, o.Force, stdout)
}

// Renew makes certificates anew, each with the names that it has and a new key.
func Renew(o Options, files []string, stdout io.Writer) error {
	life, err := o.life()
	if err != nil {
		return err
	}
	a, err := trust.ReadAuthority(o.ca())
	if err != nil {
		return fmt.Errorf("the cluster's CA: %w", err)
	}
	for _, path := range files {
		old, err := trust.ReadCerts(path)
		if err != nil {
			return err
		}
		n, err := trust.NameOf(old[0])
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", path, err)
		case n.Node == 0 && n.Client == "":
			return fmt.Errorf("%s is a CA, which is not renewed: make another in a new directory, and give all nodes both (--tls-ca) until the old one is gone", path)
		case n.Cluster != a.Cluster():
			return fmt.Errorf("%s is of cluster %s, and this is the CA of %s", path, n.Cluster, a.Cluster())
		}
		p, err := a.Issue(n, trust.Hosts(old[0]), life)
		if err != nil {
			return err
		}
		base, ok := strings.CutSuffix(path, ".crt")
		if !ok {
			return fmt.Errorf("%s does not end in .crt: name a file that node certs made", path)
		}
		if err := write(trust.FilesOf(filepath.Dir(base), filepath.Base(base)), p, true, stdout); err != nil {
			return err
		}
	}
	return nil
}

// Secret makes a secret for the nodes of one machine.
func Secret(path string, stdout io.Writer) error {
	if err := auth.WriteSecretFile(path, auth.NewSecret()); err != nil {
		return err
	}
	_, err := fmt.Fprintf(stdout, "%s holds a new secret; give it to every node of the cluster: --secret-file %s\n", path, path)
	return err
}

func write(f trust.Files, p trust.Pair, force bool, stdout io.Writer) error {
	if err := f.Write(p, force); err != nil {
		return err
	}
	n, err := trust.NameOf(p.Cert)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s and %s: %v, until %s\n", f.Cert, filepath.Base(f.Key), n, p.Cert.NotAfter.UTC().Format("2006-01-02"))
	return err
}

// Show prints what certificates say.
func Show(files []string, stdout io.Writer) error {
	t := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, path := range files {
		certs, err := trust.ReadCerts(path)
		if err != nil {
			return err
		}
		for _, c := range certs {
			row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
			row("file", "%s", path)
			if n, err := trust.NameOf(c); err == nil {
				row("name", "%v", n)
				if n.ID != 0 {
					row("bound to cluster", "%v", n.ID)
				}
			} else {
				row("name", "%s (none of Parley's)", c.Subject)
			}
			if hosts := trust.Hosts(c); len(hosts) > 0 {
				row("hosts", "%s", strings.Join(hosts, ", "))
			}
			row("good", "%s to %s%s", c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339), remaining(c.NotAfter))
			sum := sha256.Sum256(c.Raw)
			row("SHA-256", "%s", hex.EncodeToString(sum[:]))
		}
	}
	return t.Flush()
}

// remaining says how long a certificate is good.
func remaining(end time.Time) string {
	days := int(time.Until(end).Hours() / 24)
	switch {
	case time.Now().After(end):
		return ", ENDED: renew it with node certs renew"
	case days < 30:
		return fmt.Sprintf(", ENDS SOON (%d days): renew it with node certs renew", days)
	}
	return fmt.Sprintf(", %d days more", days)
}
