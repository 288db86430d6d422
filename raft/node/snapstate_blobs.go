package node

import (
	"bytes"
	"math"
)

// What blobs are wanted, as bytes: the rows of the blob.Table in the order of their keys.
//
//	u32 number of rows, then for each
//	    key, value: each length 4, bytes

// write writes all rows.
func (p *pins) write(out *sink) {
	out.u32(uint32(p.rows.used))
	p.rows.Ascend("", func(key string, value []byte) bool {
		out.text([]byte(key))
		out.text(value)
		return true
	})
}

// read fills an empty table. What it accepts is such as a table writes, below the level and the
// bounds that Apply keeps to.
func (p *pins) read(in *source, at *State) {
	last := ""
	for n := in.u32(); n > 0 && in.Err() == nil; n-- {
		key := string(in.text(math.MaxUint32))
		value := in.text(math.MaxUint32)
		switch {
		case in.Err() != nil:
			return
		case key <= last || len(value) == 0:
			in.Fail("row %q of the blobs after row %q", key, last)
			return
		}
		p.rows.Set(key, bytes.Clone(value))
		last = key
	}
	if in.Err() != nil {
		return
	}
	if err := p.table.Check(); err != nil {
		in.Fail("%v", err)
	}
	if p.rows.used == 0 || at.level < levelBlobs {
		in.Fail("%d rows of blobs at level %d", p.rows.used, at.level)
	}
}
