// Command gencommon writes the list of common passwords for package auth.
//
// The list follows from a few rules about how people make passwords when they are told to have one: a word and a
// little appended, a walk over the keyboard, digits that count, something twice. The words below were written for
// this purpose; nothing comes from elsewhere. So the list can be
// argued with, and grows by a word and not by a line.
//
//	go run ./rpc/auth/gencommon FILE
package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gencommon FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], []byte(strings.Join(list(), "\n")+"\n"), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// lengthMin is the shortest entry: where a policy allows four characters, "1234" is still refused. The
// longest one is a word, its suffix and a year.
const lengthMin = 4

// favourites are the words that people take first; they get every suffix.
const favourites = `
	password passw0rd p@ssword p@ssw0rd passwort passwd pass pass1 mypass mypassword secret geheim test testing tester
	admin administrator root user guest login welcome letmein letme master changeme default temp server system
	computer internet access iloveyou loveyou lovely love ilove princess sunshine dragon monkey football baseball
	shadow superman batman qwerty qwertz azerty abc abcd abcde hello hallo bonjour whatever trustno starwars
	summer winter spring autumn parley company office team raft chat demo sample example please enter open
`

// words are what else comes to mind: animals, games, people, places, things.
const words = `
	tiger lion panther eagle falcon horse kitty kitten puppy buddy bear wolf shark dolphin butterfly spider snake
	chicken rabbit turtle penguin elephant phoenix unicorn dinosaur
	soccer hockey basketball tennis cricket golf racing yankees lakers cowboys steelers arsenal chelsea liverpool
	barcelona realmadrid juventus champion winner player gamer minecraft pokemon pikachu naruto zelda mario
	michael jennifer jessica ashley nicole daniel matthew andrew joshua anthony robert william thomas jordan michelle
	charlie george amanda samantha elizabeth victoria alexander alexandra christian sebastian natalie patrick
	richard maria sophie emma oliver lucas peter andrea martin stefan thomas sabine claudia anna laura julia
	london paris berlin newyork california texas america canada england germany france australia india china
	mustang ferrari porsche mercedes corvette harley yamaha honda toyota
	flower rainbow chocolate cookie cheese banana orange apple cherry strawberry coffee pepper ginger sugar honey
	angel heaven freedom forever friends family blessed jesus christ faith hope peace lucky happy smile beautiful
	diamond silver golden purple yellow crystal thunder lightning storm ocean river mountain moonlight starlight
	matrix merlin gandalf hunter ranger killer ninja pirate wizard knight warrior soldier captain legend hacker
	guitar music metallica nirvana rockstar dancer cheer queen king prince darling sweetheart baby babygirl babyboy
	samsung google facebook youtube twitter linkedin amazon apple windows linux ubuntu android iphone
	monday friday january february march april june july august september october november december
`

// suffixesOfAll follow every word, suffixesOfFavourites a favourite besides.
var (
	suffixesOfAll = []string{"", "1", "12", "123", "1234", "12345", "123456", "!", "01", "007", "69", "99", "2000"}

	suffixesOfFavourites = []string{"2", "3", "7", "11", "21", "22", "23", "88", "00", "10", "100", "111", "321",
		"1!", "12!", "123!", "1234!", "@123", "#1", "_1", "_123", "123123", "12345678", "123456789", "me", "you"}

	// years are the ones in which people now set passwords, and those around which they were born.
	years = append(span(1985, 1999), span(2010, 2029)...)
)

// seasons come with every year.
var seasons = strings.Fields("summer winter spring autumn fall password welcome admin qwerty love test secret")

// rows are the keys that lie side by side, and the columns that people walk down.
var rows = []string{
	"1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", "qsdfghjklm", "yxcvbnm",
	"qwertyuiopasdfghjklzxcvbnm", "abcdefghijklmnopqrstuvwxyz", "01234567890123456789",
	"1qaz2wsx3edc4rfv5tgb6yhn7ujm", "zaq1xsw2cde3vfr4bgt5nhy6mju7", "qazwsxedcrfvtgbyhnujm", "qawsedrftgyhujik",
	"1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "a1b2c3d4e5f6g7h8i9j0", "1a2b3c4d5e6f7g8h9i0j", "147258369", "159357456",
	"!@#$%^&*()",
}

// What is said twice, or put together.
const pairs = "abc 123 qwe asd zxc qwer asdf zxcv 1234 abcd 12345 test pass love admin 112233 password qwerty hello 321 4321 54321 654321"

// list returns all entries, sorted, each once.
func list() []string {
	seen := make(map[string]bool)
	add := func(s string) {
		if len(s) >= lengthMin {
			seen[s] = true
		}
	}
	for _, w := range strings.Fields(favourites) {
		for _, s := range slices.Concat(suffixesOfAll, suffixesOfFavourites) {
			add(w + s)
		}
		add("my" + w)
		add("the" + w)
		add(w + w)
		add("1" + w)
		add("123" + w)
	}
	for _, w := range strings.Fields(words) {
		for _, s := range suffixesOfAll {
			add(w + s)
		}
	}
	for _, w := range seasons {
		for _, y := range years {
			add(w + y)
			add(w + y + "!")
			add(y + w)
		}
	}
	addWalks(add)
	addDigits(add)
	return slices.Sorted(maps.Keys(seen))
}

// addWalks adds the walks along a row, there and back: those from an end to wherever, and those of 6 to 10 keys from
// wherever.
func addWalks(add func(string)) {
	for _, row := range rows {
		for _, r := range []string{row, reversed(row)} {
			for n := lengthMin; n <= len(r); n++ {
				add(r[:n])
			}
			for at := range len(r) {
				for n := 6; n <= 10 && at+n <= len(r); n++ {
					add(r[at : at+n])
				}
			}
		}
	}
	parts := strings.Fields(pairs)
	for _, a := range parts {
		for _, b := range parts {
			add(a + b)
		}
		add(a + a + a)
	}
}

// addDigits adds what fingers do on the digits and near them: one key for long, two in turn, pairs that count,
// blocks of keys, years.
func addDigits(add func(string)) {
	for c := '0'; c <= '9'; c++ {
		for n := lengthMin; n <= 12; n++ {
			add(strings.Repeat(string(c), n))
		}
		for d := '0'; d <= '9'; d++ {
			for n := 2; n <= 5; n++ {
				add(strings.Repeat(string(c)+string(d), n))
			}
			add(strings.Repeat(string(c), 4) + strings.Repeat(string(d), 4))
		}
	}
	for c := 'a'; c <= 'z'; c++ {
		for n := lengthMin; n <= 10; n++ {
			add(strings.Repeat(string(c), n))
		}
	}
	for _, s := range []string{"11223344", "1122334455", "112233445566", "44332211", "11112222", "12121212", "13131313",
		"31415926", "27182818", "zaq12wsx", "1qazxsw2", "xsw21qaz", "123qweasd", "123qweasdzxc", "qweasdzxc",
		"qweasd123", "qweqweqwe", "12344321", "123454321", "1234554321", "00112233", "10203040", "1020304050", "aabbccdd", "aa112233"} {
		add(s)
	}
	for _, y := range years {
		add(y)
		add(y + y)
		add("0101" + y)
		add("1234" + y)
		add("3112" + y)
	}
}

func span(from, to int) (list []string) {
	for y := from; y <= to; y++ {
		list = append(list, strconv.Itoa(y))
	}
	return list
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}
