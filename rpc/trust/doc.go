// Package trust says who is at the other end of a connection: TLS 1.3 with certificates that a cluster's own CA makes, or, on
// one machine, with a key that all nodes derive from a secret that they share.
//
//	                    Keeper (certificates)                         Shared (a secret)
//	made by             node certs                                    the first start
//	for                 nodes on several machines, and their clients  nodes on one machine
//	a node proves       that it is node 2 of this cluster             that it knows the secret
//	clients             verify the node's host name by the CA         see nothing of it
//
// A certificate names its holder in URIs (name.go). The name of the cluster is chosen when its CA is made, because a node
// needs its certificate before there is a cluster id; a certificate that is made later can name the id, too. What it names is
// compared with the hello of the connection, and there the cluster ids of both ends are: so neither a node with the
// certificate of another, nor a client's certificate, nor one of another CA is ever heard as a peer.
//
// Both kinds authenticate both ends in the handshake, before a byte of the peers' protocol is read, and both use Go's TLS and
// nothing else: a challenge and a response of our own would have to be as good, and would leave what follows them in the
// clear. What a key is derived from never crosses the wire: who listens at the port of a node that is down learns nothing.
//
// Reading order: name.go, authority.go and files.go (what node certs makes), keeper.go (certificates that may be replaced
// while they are used), peers.go and shared.go (the two ways in which nodes know each other), client.go.
package trust
