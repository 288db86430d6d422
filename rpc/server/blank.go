package server

import (
	"strings"
	"unicode"

	"parley/rpc/convert"
	"parley/statemachine/state"
)

// refuseBlank refuses a name of which nobody sees anything; whether it may be empty is for the caller to judge. It is judged
// here and not where commands are applied: older logs hold such names, and what a letter looks like depends on the release of Unicode.
func refuseBlank(field, what, name string) error {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return unicode.In(r, inked...) && !unicode.In(r, inkless...) }) {
		return nil
	}
	return convert.RejectionError(state.Invalidf(field, "EMPTY", "%s is blank.", what))
}

// What leaves ink, and letters and marks that leave none.
var (
	inked   = []*unicode.RangeTable{unicode.L, unicode.M, unicode.N, unicode.P, unicode.S}
	inkless = []*unicode.RangeTable{unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector,
		{R16: []unicode.Range16{{Lo: 0x2800, Hi: 0x2800, Stride: 1}}}} // the pattern without a dot of Braille
)
