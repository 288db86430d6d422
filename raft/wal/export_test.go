package wal

import "parley/raft"

// HolesMax is the most holes that a log is opened with.
const HolesMax = holesMax

// Resum gives every header, trailer, segment header and seal slot of a file the
// checksums that its contents call for, as a writer with a bug would have.
func Resum(file []byte, cluster raft.ClusterID) {
	for at := int64(0); at+sectorBytes <= int64(len(file)); at += sectorBytes {
		sector := file[at : at+sectorBytes]
		switch {
		case string(sector[:8]) == segmentMagic, string(sector[:8]) == sealMagic:
			le.PutUint32(sector[markBytes-4:], checksum(sector[:markBytes-4]))
		case le.Uint32(sector[tagBytes:]) == headerMagic:
			resumBatch(file[at:], tagAt(file, at), cluster)
		}
	}
}

// resumBatch puts new sums into header and trailer if they lie in their first sectors.
func resumBatch(data []byte, batch uint64, cluster raft.ClusterID) {
	stream, _ := new(unstuffer).destuff(data, batch)
	length := int(le.Uint32(stream[4:]))
	end := length + int(le.Uint32(stream[countsAt:]))*recordBytes + int(le.Uint32(stream[countsAt+4:]))*fillBytes
	if length < blockMin || length > sectorRoom || end < length || end > len(stream) {
		return
	}
	frame := frameSum(cluster, stream[8:length-blockSums], stream[length:end])
	last := int64(le.Uint32(stream[32:])-1) * sectorBytes
	for _, at := range []int64{0, last} {
		if at < 0 || at+sectorBytes > int64(len(data)) {
			continue
		}
		b := data[at+tagBytes : at+sectorBytes]
		le.PutUint32(b[length-8:], frame)
		le.PutUint32(b[length-4:], checksum(b[:length-4]))
	}
}

// Tags is what the tags of a segment of the newest format mean, whose first batch comes after one.
type Tags struct{ tags }

// TagsAfter returns it.
func TagsAfter(batch uint64) Tags { return Tags{tags{formatVersion, batch}} }

// Of, Number, Blank, Torn and Strayed are the methods behind them.
func (t Tags) Of(n uint64) uint64               { return t.of(n) }
func (t Tags) Number(tag uint64) (uint64, bool) { return t.number(tag) }
func (t Tags) Blank(tag uint64) bool            { return t.blank(tag) }
func (t Tags) Torn(tag, n uint64) bool          { return t.torn(tag, n) }
func (t Tags) Strayed(tag uint64) bool          { return t.strayed(le.AppendUint64(nil, tag)) }
