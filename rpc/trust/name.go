package trust

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"parley/raft"
)

// Name is whom a certificate names, in URIs among its subject's alternative names:
//
//	parley://<cluster>/ca              the authority of a cluster
//	parley://<cluster>/node/<id>       a node
//	parley://<cluster>/client/<name>   somebody who may connect to the port for clients
//	parley://<cluster>/id/<16 digits>  beside a node's: the id that its cluster got when it was formed
//
// A certificate has the first three one at a time, so that nobody's is good for two things.
type Name struct {
	Cluster string         // as its CA calls it
	Node    raft.NodeID    // zero: it is no node's
	Client  string         // empty: it is no client's
	ID      raft.ClusterID // zero: it was not known when the certificate was made
}

const (
	scheme       = "parley"
	nameBytesMax = 64
)

// CheckLabel says why something can't be the name of a cluster or of a client.
func CheckLabel(name string) error {
	if name == "" || len(name) > nameBytesMax || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		return fmt.Errorf("%q is no name: 1 to %d letters a-z, digits, and of - _ . any", name, nameBytesMax)
	}
	return nil
}

// String writes the name for people.
func (n Name) String() string {
	switch {
	case n.Node != 0:
		return fmt.Sprintf("node %d of %s", n.Node, n.Cluster)
	case n.Client != "":
		return fmt.Sprintf("client %s of %s", n.Client, n.Cluster)
	}
	return "CA of " + n.Cluster
}

// uris are what a certificate of this name carries.
func (n Name) uris() []*url.URL {
	of := func(path string) *url.URL { return &url.URL{Scheme: scheme, Host: n.Cluster, Path: "/" + path} }
	switch {
	case n.Node != 0 && n.ID != 0:
		return []*url.URL{of(fmt.Sprintf("node/%d", n.Node)), of("id/" + n.ID.String())}
	case n.Node != 0:
		return []*url.URL{of(fmt.Sprintf("node/%d", n.Node))}
	case n.Client != "":
		return []*url.URL{of("client/" + n.Client)}
	}
	return []*url.URL{of("ca")}
}

var errNoName = errors.New("the certificate names no node and no client of Parley")

// NameOf reads whom a certificate names. One that names several, or in another way than uris writes, names nobody.
func NameOf(cert *x509.Certificate) (n Name, err error) {
	var of int
	for _, u := range cert.URIs {
		if u.Scheme != scheme {
			continue
		}
		if n.Cluster != "" && u.Host != n.Cluster {
			return Name{}, errNoName
		}
		n.Cluster = u.Host
		kind, value, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
		switch kind {
		case "node":
			var id uint64
			if id, err = strconv.ParseUint(value, 10, 64); err != nil {
				return Name{}, errNoName
			}
			n.Node = raft.NodeID(id)
			of++
		case "client":
			n.Client = value
			of++
		case "ca":
			of++
		case "id":
			id, err := strconv.ParseUint(value, 16, 64)
			if err != nil {
				return Name{}, errNoName
			}
			n.ID = raft.ClusterID(id)
		default:
			return Name{}, errNoName
		}
	}
	if of != 1 || !n.written(cert.URIs) {
		return Name{}, errNoName
	}
	return n, nil
}

// written reports whether these URIs are those that the name has.
func (n Name) written(uris []*url.URL) bool {
	var ours []string
	for _, u := range uris {
		if u.Scheme == scheme {
			ours = append(ours, u.String())
		}
	}
	want := n.uris()
	if len(want) != len(ours) || CheckLabel(n.Cluster) != nil || n.Client != "" && CheckLabel(n.Client) != nil {
		return false
	}
	for i := range want {
		if want[i].String() != ours[i] {
			return false
		}
	}
	return true
}
