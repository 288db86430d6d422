package usage

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/pflag"
)

// values say what a flag of a type takes.
var values = map[string]string{
	"duration": "a time such as 30s, 10m or 2h", "bool": "true or false",
	"uint": "a whole number from 0 on", "uint32": "a whole number from 0 on", "uint64": "a whole number from 0 on",
}

// FlagMistake says what is wrong with a flag, without the names of Go's functions.
func FlagMistake(err error) error {
	e, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	takes := cmp.Or(values[e.GetFlag().Value.Type()], "a whole number")
	if errors.Is(err, strconv.ErrRange) {
		takes = "out of range"
	}
	return fmt.Errorf("--%s %q: it is %s", e.GetFlag().Name, e.GetValue(), takes)
}
