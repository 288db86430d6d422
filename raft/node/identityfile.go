package node

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"parley/raft"
	"parley/raft/vfs"
)

// The identity file, all integers little-endian:
//
//	 0  "PARLEYID"
//	 8  format version 4
//	12  node id 8
//	20  incarnation 8
//	28  cluster id 8, or zero
//	36  raft.Configuration: the formation record's members
//	 …  CRC-32C of everything before 4
//
// In every format, the first twelve bytes and the last four mean the same. It is
// replaced as a whole: written beside, synced, renamed, directory synced.
const (
	identityName    = "identity"
	identityTemp    = "identity.tmp"
	identityMagic   = "PARLEYID"
	identityVersion = 1
	identityHead    = 36
	identityMax     = 1 << 16
)

// NoWayBack is what to do about a directory that lost what its node promised, or
// some of it. To start on less would break the promises.
const NoWayBack = "leave this node down and put another in its place with parley cluster replace: the others go on while a majority of them runs"

// What keeps a data directory from being used. They come wrapped with the facts.
var (
	ErrNoID            = errors.New("this directory is new: say which node it is to be")
	ErrNewerFormat     = errors.New("this directory was written by a newer Parley: upgrade this program")
	ErrIdentityDamaged = errors.New("the identity of this directory is damaged: " + NoWayBack)
	ErrIdentityMissing = errors.New("this directory has a log and no identity: put the file back, if it was only moved away; otherwise " + NoWayBack)
	ErrLogMissing      = errors.New("this directory belongs to a cluster and its log is gone: " + NoWayBack)
)

// OtherNodeError says that a directory was made by another node.
type OtherNodeError struct {
	Have, Want raft.NodeID
}

// Error names both.
func (e *OtherNodeError) Error() string {
	return fmt.Sprintf("this directory belongs to node %d, not %d", e.Have, e.Want)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encodeIdentity(id *Identity) []byte {
	le := binary.LittleEndian
	p := le.AppendUint32([]byte(identityMagic), identityVersion)
	p = le.AppendUint64(p, uint64(id.Self.ID))
	p = le.AppendUint64(p, uint64(id.Self.Inc))
	p = le.AppendUint64(p, uint64(id.Cluster))
	p = raft.AppendConfiguration(p, &id.Members)
	return le.AppendUint32(p, crc32.Checksum(p, castagnoli))
}

func decodeIdentity(p []byte) (Identity, error) {
	le := binary.LittleEndian
	end := len(p) - 4
	if end < len(identityMagic)+4 || string(p[:len(identityMagic)]) != identityMagic ||
		le.Uint32(p[end:]) != crc32.Checksum(p[:end], castagnoli) {
		return Identity{}, ErrIdentityDamaged
	}
	if v := le.Uint32(p[8:]); v > identityVersion {
		return Identity{}, fmt.Errorf("%w (identity format %d, this program: %d)", ErrNewerFormat, v, identityVersion)
	}
	if end < identityHead {
		return Identity{}, ErrIdentityDamaged
	}
	id := Identity{
		Self:    raft.Ident{ID: raft.NodeID(le.Uint64(p[12:])), Inc: raft.Incarnation(le.Uint64(p[20:]))},
		Cluster: raft.ClusterID(le.Uint64(p[28:])),
	}
	var err error
	id.Members, err = raft.DecodeConfiguration(p[identityHead:end])
	if err != nil || id.Self.ID == 0 || id.Cluster != 0 && len(id.Members.Members) == 0 {
		return Identity{}, ErrIdentityDamaged
	}
	return id, nil
}

// ReadIdentity reads the identity of a data directory and changes nothing.
// A directory without one is vfs.ErrNotExist.
func ReadIdentity(fs vfs.FS, dir string) (Identity, error) {
	f, err := fs.Open(join(dir, identityName))
	if err != nil {
		return Identity{}, err
	}
	p, err := readAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return Identity{}, err
	}
	return decodeIdentity(p)
}

func readAll(f vfs.File) ([]byte, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > identityMax {
		return nil, ErrIdentityDamaged
	}
	p := make([]byte, size)
	if size == 0 {
		return p, nil
	}
	if n, err := f.ReadAt(p, 0); n < len(p) {
		return nil, err
	}
	return p, nil
}

// writeIdentity replaces the identity file; after a crash at any point the
// directory has the old one or the new one.
func writeIdentity(fs vfs.FS, dir string, id *Identity) error {
	temp := join(dir, identityTemp)
	if err := fs.Remove(temp); err != nil && !errors.Is(err, vfs.ErrNotExist) {
		return err
	}
	f, err := fs.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(encodeIdentity(id), 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(temp, join(dir, identityName)); err != nil {
		return err
	}
	return fs.SyncDir(dir)
}

// join puts a file's name behind its directory's.
func join(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "/" + name
}
