package main

import (
	"encoding/base64"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// Eight people chat while four others save documents of a MiB of which nothing is like the one before, one after the other. A
// message has to share loop, log and wire with what is four thousand times its size.
func TestR95_WritersOfMessagesGoOnBesideDocumentsOfAMebibyte(t *testing.T) {
	t.Parallel()
	const chatters, authors, each = 8, 4, 40 // their revisions stay below what the documents of one user may take
	dir := filepath.Join(t.TempDir(), "data")
	d, _, clients := dev(t, dir, freePorts...)
	var documents durations
	var work sync.WaitGroup
	l := startCrowd(t, clients, chatters)
	for i := range authors {
		c := as(t, []string{"alice", "bob", "charlie", "bob"}[i], strings.Split(clients, ",")...)
		work.Go(func() { saveDocuments(t, c, i, each, &documents) })
	}
	work.Wait()
	l.end(clients)
	t.Logf("documents of 1 MiB of %d writers: %v", authors, &documents)
	out, code := parley(t, clients, "cluster", "check", "--json")
	require.Zero(t, code, out)
	require.Zero(t, d.interrupt())
}

// saveDocuments writes a document anew again and again.
func saveDocuments(t *testing.T, c *client.Client, author, revisions int, took *durations) {
	made, err := c.CreateDocument(t.Context(), &pb.CreateDocumentRequest{Title: "large", LockMode: pb.LockMode_LOCK_MODE_ADVISORY})
	if err != nil {
		t.Error(err)
		return
	}
	noise := rand.NewChaCha8([32]byte{byte(author)})
	raw := make([]byte, 3<<18)
	for range revisions {
		_, _ = noise.Read(raw) // never fails
		began := time.Now()
		_, err := c.UpdateDocument(t.Context(), &pb.UpdateDocumentRequest{DocumentId: made.GetDocument().GetId(), Content: []byte(base64.StdEncoding.EncodeToString(raw))})
		if err != nil {
			t.Error(err)
			return
		}
		took.add(time.Since(began))
	}
}
