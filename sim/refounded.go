package sim

import (
	"errors"

	"parley/raft"
	"parley/raft/node"
	"parley/raft/snap"
	"parley/raft/vfs/memfs"
)

// refounded is the only node of a new cluster that begins with the state of an older one, on a disk that nothing else sees: of a
// backup (backups.go), or of what a survivor has (survivor.go). It waits for nobody, so that its time is whatever it waits for.
type refounded struct {
	node  *node.Node
	disk  *node.Disk
	now   raft.Mono
	wake  raft.Mono // when it wants to go on, if nothing comes
	in    []node.Event
	asked node.Ticket
	told  []node.Answer
}

// refoundedSteps bounds how long a node may take that waits for nobody.
const refoundedSteps = 1000

var errSilent = errors.New("it does not answer")

// leadsAlone starts the only node of a new cluster, which begins at base, and waits until it has committed something.
func (w *World) leadsAlone(fs *memfs.FS, id raft.NodeID, base raft.Index) (*refounded, error) {
	d, boot, err := node.OpenDisk(fs, dataDir, node.DiskOptions{
		WAL: w.walOptions(), Machine: w.newMachine(), Rules: w.rules(), Snap: snap.Options{ChunkBytes: snapChunk}, Blobs: w.blobOptions()})
	if err != nil {
		return nil, err
	}
	settings := node.Settings{PeerAddr: peerAddr(id), ClientAddr: clientAddr(id), Seed: 1, Rules: w.rules(), Blobs: w.blobOptions()}
	r := &refounded{node: node.New(settings, boot, w.newMachine(), 1), disk: d, now: 1}
	return r, r.until(func() bool {
		at, _ := r.node.StateHash()
		return raft.Index(at) > base
	})
}

// until has the node go on until something is so, and not for longer: whoever has a login must not find it ended because time went on
// after he was answered.
func (r *refounded) until(so func() bool) error {
	for range refoundedSteps {
		if so() {
			return nil
		}
		if len(r.in) == 0 {
			r.now = max(r.now+1, r.wake)
		}
		var out node.Output
		out.Reset()
		r.node.Step(r.now, r.in, &out)
		r.in = nil
		if out.Stop != nil {
			return out.Stop
		}
		if stores := out.Store; len(stores) > 0 {
			if err := errors.Join(r.disk.Write(stores), r.disk.Sync()); err != nil {
				return err
			}
			r.in = append(r.in, node.Event{Kind: node.EventStored, Stored: stores[len(stores)-1].Seq})
		}
		r.told = append(r.told, out.Done...)
		r.wake = out.WakeAt
	}
	return errSilent
}

// ask tells the node of something that somebody waits for, and returns its answer.
func (r *refounded) ask(ev node.Event) (node.Answer, error) {
	r.asked++
	ev.Ticket, r.told = r.asked, nil
	r.in = append(r.in, ev)
	if err := r.until(func() bool { return len(r.told) > 0 }); err != nil {
		return node.Answer{}, err
	}
	return r.told[0], nil
}
