package teamtest

import (
	"slices"
	"strings"

	"parley/raft"
	"parley/raft/blob"
)

// names is the table for the length of one entry, as a node hands it to the machine.
type names struct {
	table *blob.Table
	time  raft.LogTime
}

func (n names) Name(sum blob.Sum, by string) blob.Code { return n.table.Name(n.time, sum, by) }
func (n names) Unname(sum blob.Sum) blob.Code          { return n.table.Unname(sum) }
func (n names) Size(sum blob.Sum) (int64, bool)        { return n.table.Size(sum) }

// rows keeps the table's rows in order.
type rows struct{ all []row }

type row struct {
	key   string
	value []byte
}

func (r *rows) find(key string) (int, bool) {
	return slices.BinarySearchFunc(r.all, key, func(a row, key string) int { return strings.Compare(a.key, key) })
}

func (r *rows) Get(key string) ([]byte, bool) {
	i, ok := r.find(key)
	if !ok {
		return nil, false
	}
	return r.all[i].value, true
}

func (r *rows) Set(key string, value []byte) {
	i, ok := r.find(key)
	switch {
	case ok && value == nil:
		r.all = slices.Delete(r.all, i, i+1)
	case ok:
		r.all[i].value = value
	case value != nil:
		r.all = slices.Insert(r.all, i, row{key, value})
	}
}

func (r *rows) Ascend(from string, yield func(key string, value []byte) bool) {
	for i, _ := r.find(from); i < len(r.all) && yield(r.all[i].key, r.all[i].value); i++ {
	}
}
