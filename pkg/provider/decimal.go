package provider

import (
	"strconv"
	"strings"
)

// parseInteger reads a decimal integer that may be written with a fraction of zeros (100.0), as JSON encoders do.
func parseInteger(text string) (int64, bool) {
	return ParseDecimal(text, 0)
}

// ParseDecimal reads a decimal number exactly, as an integer of 10^-digits: "12.12" with two digits is 1212. Trailing
// zeros are ignored; it fails where a digit would be lost, on exponents, and beyond the range of int64. No float is
// involved.
func ParseDecimal(text string, digits int) (int64, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > digits || whole == "" || whole == "-" || !isDigits(strings.TrimPrefix(whole, "-")) || !isDigits(fraction) {
		return 0, false
	}
	if digits == 0 {
		n, err := strconv.ParseInt(whole, 10, 64)
		return n, err == nil
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", digits-len(fraction)), 10, 64)
	return n, err == nil
}

func isDigits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}
