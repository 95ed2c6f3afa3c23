"""Catalogue files: what is read, and what every error names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConfigError
from hub.services.catalogue import parse_bindings, parse_products, parse_sales, parse_store, read_catalogue


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: column 'sku' is missing; found nothing"),
        ("sku\n", "line 1: column 'name' is missing; found sku"),
        ("sku,name,colour\n", "line 1: column 'colour' is not known; known are sku, name"),
        ("sku,name\nring,Ring,red\n", "line 2: has more fields than the header's 2"),
        ("sku,name\nring,\n", "line 2, column 'name': '' is not a text of 1 to 200 characters"),
        ("sku,name\na,A\na,B\n", "line 3, column 'sku': 'a' is not unique in this file"),
        ("sku,name,case_pack\na,A,0\n", "line 2, column 'case_pack': '0' is not a whole number from 1"),
        ("sku,name,case_pack\na,A,1.5\n", "line 2, column 'case_pack': '1.5' is not a whole number"),
        ("sku,name,price\na,A,-1\n", "line 2, column 'price': '-1' is not a number from 0"),
        ("sku,name,price\na,A,nan\n", "line 2, column 'price': 'nan' is not a number from 0"),
        ("sku,name,gtin\na,A,123\n", "line 2, column 'gtin': '123' is not a GTIN of 8, 12, 13 or 14 digits"),
        ("sku,name,gtin\na,A,4006381333932\n", "line 2, column 'gtin': '4006381333932' is not a GTIN with a right"),
        ("sku,name,gtin\na,A,4006381333931\nb,B,4006381333931\n", "line 3, column 'gtin'"),
        ('sku,name\na,"A\n', "line 2: unexpected end of data"),
    ],
)  # fmt: skip
def test_a_product_error_names_file_line_column_and_what_was_expected(text, words):
    with pytest.raises(ConfigError) as caught:
        parse_products(text, "products.csv")
    assert str(caught.value).startswith(f"products.csv {words}")


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("7,2026-05-01T10:00:00,shop,ring,1", "sold_at"),
        ("7,yesterday,shop,ring,1", "sold_at"),
        ("7,2026-05-01T10:00:00Z,Shop 1,ring,1", "store"),
        ("7,2026-05-01T10:00:00Z,shop,,1", "sku"),
        ("7,2026-05-01T10:00:00Z,,ring,1", "store"),
        ("7,2026-05-01T10:00:00Z,shop,ring,two", "quantity"),
    ],
)
def test_a_sales_error_names_the_column(row, column):
    with pytest.raises(ConfigError, match=rf"^till.csv line 2, column '{column}': "):
        parse_sales(f"sale_id,sold_at,store,sku,quantity\n{row}\n", "till.csv")


def test_an_epc_is_bound_once():
    with pytest.raises(ConfigError, match=r"line 3, column 'epc': .* is not bound once .*'ring' above"):
        parse_bindings("epc,sku\nE200,ring\ne2 00,bead\n", "bindings.csv")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[store", "store.toml: is not valid TOML"),
        ("", "store.toml: section [store] is missing"),
        ("[store]\nid = 'a'\nopns = '10:00'", "[store] key 'opns' is not known; did you mean 'opens'?"),
        ("[store]\nname = 'A'", "[store] key 'id' is missing"),
        ("[store]\nid = 'a'\nopens = '25:00'", "[store] key 'opens': '25:00' is not a time of the form HH:MM"),
        ("[store]\nid = 'a'\ntimezone = 'Mars/Base'", "[store] key 'timezone': 'Mars/Base' is no IANA time zone"),
        ("[store]\nid = 'Pop up'", "store id 'Pop up' is not allowed"),
        ("[store]\nid = 'a'\n[[zones]]\nid = 'b'\nx = 'left'", "[store] key 'zones[0].x': expected `float`"),
    ],
)  # fmt: skip
def test_a_store_error_names_file_section_and_key(text, words):
    with pytest.raises(ConfigError) as caught:
        parse_store(text, "store.toml")
    assert str(caught.value).startswith("store.toml: ")
    assert words in str(caught.value)


def test_good_files_are_read(tmp_path):
    (tmp_path / "p.csv").write_text("\ufeffsku,name,gtin\r\nring,Ring,96385074\r\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("epc,sku\ne280 1160,ring\n")
    (tmp_path / "s.toml").write_text("[store]\nid = 'a'\ncloses = '02:00'\n[[zones]]\nid = 'b'\n")
    found = read_catalogue(
        stores=[tmp_path / "s.toml"], products=tmp_path / "p.csv", bindings=tmp_path / "b.csv"
    )
    (product,) = found.products
    assert (product.gtin, product.case_pack, product.lead_time_days) == ("00000096385074", 1, 3.0)
    assert found.bindings == {"E2801160": "ring"}
    assert (found.stores[0].closes, found.stores[0].zones[0].zone) == ("02:00", "b")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none.csv: cannot be read"):
        read_catalogue(products=tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"sku,name\nring,\xe9\n")
    with pytest.raises(ConfigError, match=r"latin.csv: is not UTF-8 text"):
        read_catalogue(products=tmp_path / "latin.csv")


@given(st.text(st.characters(codec="utf-8")), st.sampled_from([parse_products, parse_bindings, parse_sales]))
def test_no_text_raises_anything_but_a_sentence(text, parse):
    for header in ("", "sku,name\n", "epc,sku\n", "sale_id,sold_at\n"):
        refusals = []
        try:
            parse(header + text, "x.csv")
        except ConfigError as error:
            refusals.append(str(error))
        assert all(sentence.startswith("x.csv line ") for sentence in refusals)
