"""Every form of address of presigned-upload.md section 5, and what it must not be taken for."""

import pytest

from sync.s3_location import NoPlace, Place, PlaceRules, locate, place_of

SCOPE = "X-Amz-Credential=AKIDEXAMPLE%2F20261122%2Feu-west-3%2Fs3%2Faws4_request"
OURS = PlaceRules(bucket="ours")
FACTS = {"server_id": "7", "entry_id": "0192-ab", "name": "sig.png", "image_key": "signatures/7.png"}

NAMED = {
    "virtual host, no region": ("https://b-1.s3.amazonaws.com/k.png", Place("b-1", "k.png")),
    "virtual host, region in the scope": (
        f"https://b-1.s3.amazonaws.com/k.png?{SCOPE}", Place("b-1", "k.png", "eu-west-3"),
    ),
    "virtual host with region": ("https://b-1.s3.eu-west-3.amazonaws.com/a/k", Place("b-1", "a/k", "eu-west-3")),
    "the host's region beats the scope's": (
        f"https://b-1.s3.us-west-2.amazonaws.com/k?{SCOPE}", Place("b-1", "k", "us-west-2"),
    ),
    "region with a dash": ("https://b-1.s3-eu-west-1.amazonaws.com/k", Place("b-1", "k", "eu-west-1")),
    "dots in the bucket": ("https://my.dot.b.s3.eu-west-3.amazonaws.com/k", Place("my.dot.b", "k", "eu-west-3")),
    "dots in the bucket, dash": ("https://my.dot.s3-eu-west-1.amazonaws.com/k", Place("my.dot", "k", "eu-west-1")),
    "bucket that ends in s3.b": ("https://s3.b.s3.eu-west-3.amazonaws.com/k", Place("s3.b", "k", "eu-west-3")),
    "bucket that looks like a host": (
        "https://b.s3.us-east-1.s3.eu-west-3.amazonaws.com/k", Place("b.s3.us-east-1", "k", "eu-west-3"),
    ),
    "bucket called like a label": ("https://s3-fips.s3.eu-west-3.amazonaws.com/k", Place("s3-fips", "k", "eu-west-3")),
    "path style with region": ("https://s3.eu-west-3.amazonaws.com/b-1/a/k", Place("b-1", "a/k", "eu-west-3")),
    "path style with a dash": ("https://s3-eu-west-1.amazonaws.com/b-1/k", Place("b-1", "k", "eu-west-1")),
    "path style without region": ("https://s3.amazonaws.com/b-1/k", Place("b-1", "k", "us-east-1")),
    "path style, dots in the bucket": ("https://s3.eu-west-3.amazonaws.com/a.b.c/k", Place("a.b.c", "k", "eu-west-3")),
    "s3-external-1": ("https://b-1.s3-external-1.amazonaws.com/k", Place("b-1", "k", "us-east-1")),
    "dualstack": ("https://b-1.s3.dualstack.eu-west-3.amazonaws.com/k", Place("b-1", "k", "eu-west-3")),
    "dualstack, path style": ("https://s3.dualstack.eu-west-3.amazonaws.com/b-1/k", Place("b-1", "k", "eu-west-3")),
    "fips": ("https://b-1.s3-fips.us-gov-west-1.amazonaws.com/k", Place("b-1", "k", "us-gov-west-1")),
    "fips with dualstack": (
        "https://b-1.s3-fips.dualstack.us-east-2.amazonaws.com/k", Place("b-1", "k", "us-east-2"),
    ),
    "fips, path style": ("https://s3-fips.us-east-2.amazonaws.com/b-1/k", Place("b-1", "k", "us-east-2")),
    "fips with a dash": ("https://b-1.s3-fips-us-gov-west-1.amazonaws.com/k", Place("b-1", "k", "us-gov-west-1")),
    "accelerate": (f"https://b-1.s3-accelerate.amazonaws.com/k?{SCOPE}", Place("b-1", "k", "eu-west-3")),
    "accelerate with dualstack": ("https://b-1.s3-accelerate.dualstack.amazonaws.com/k", Place("b-1", "k")),
    "China": ("https://b-1.s3.cn-north-1.amazonaws.com.cn/k", Place("b-1", "k", "cn-north-1")),
    "Europe's own": ("https://b-1.s3.eusc-de-east-1.amazonaws.eu/k", Place("b-1", "k", "eusc-de-east-1")),
    "isolated partition": ("https://b-1.s3.eu-isoe-west-1.cloud.adc-e.uk/k", Place("b-1", "k", "eu-isoe-west-1")),
    "upper-case host": ("https://B-1.S3.EU-WEST-3.AMAZONAWS.COM/K", Place("b-1", "K", "eu-west-3")),
    "port": ("https://b-1.s3.eu-west-3.amazonaws.com:443/k", Place("b-1", "k", "eu-west-3")),
}  # fmt: skip


@pytest.mark.parametrize(("url", "place"), NAMED.values(), ids=NAMED)
def test_address_of_s3_names_its_place(url: str, place: Place) -> None:
    assert locate(url, PlaceRules()) == place


@pytest.mark.parametrize(("url", "place"), NAMED.values(), ids=NAMED)
def test_bucket_of_the_settings_is_the_only_one(url: str, place: Place) -> None:
    with pytest.raises(NoPlace, match=r"upload\.bucket"):
        locate(url, OURS)
    assert locate(url, PlaceRules(bucket=place.bucket)) == place


@pytest.mark.parametrize(
    "host",
    [
        "ap-123456789012.s3-accesspoint.eu-west-3.amazonaws.com",
        "ap-123456789012.s3-accesspoint-fips.us-east-1.amazonaws.com",
        "ap-123456789012.s3-accesspoint.dualstack.eu-west-3.amazonaws.com",
        "mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com",
        "b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com",
        "s3express-control.us-east-1.amazonaws.com",
        "ap-123456789012.op-01ac5d28a6a232904.s3-outposts.eu-west-3.amazonaws.com",
        "ol-123456789012.s3-object-lambda.eu-west-3.amazonaws.com",
        "123456789012.s3-control.eu-west-3.amazonaws.com",
        "b-1.s3-website-us-east-1.amazonaws.com",
        "b-1.s3-website.eu-west-3.amazonaws.com",
        "b-1.bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com",
        "b--use1-az4--x-s3.s3.us-east-1.amazonaws.com",
    ],
)
def test_access_points_and_the_like_are_no_place(host: str) -> None:
    with pytest.raises(NoPlace, match="no plain bucket"):
        locate(f"https://{host}/b-1/k", PlaceRules(bucket="b-1"))


@pytest.mark.parametrize(
    "url",
    [
        "https://s3-accelerate.amazonaws.com/b-1/k",
        "https://s3.eu-west-3.amazonaws.com/",
        "https://s3.eu-west-3.amazonaws.com//k",
        "https://s3.eu-west-3.amazonaws.com/b%2Fc/k",
        "https://s3.eu-west-3.amazonaws.com/b..c/k",
        "https://s3.eu-west-3.amazonaws.com/b-1",
        "https://s3.eu-west-3.amazonaws.com/b-1/",
        "https://b-1.s3.eu-west-3.amazonaws.com/",
        "https://b-1.s3.eu-west-3.amazonaws.com",
        "https://b-1.s3.eu-west-3.amazonaws.com/%ff",
        f"https://b-1.s3.eu-west-3.amazonaws.com/{'k' * 1025}",
        "ftp://b-1.s3.eu-west-3.amazonaws.com/k",
    ],
)
def test_address_without_bucket_or_key_is_no_place(url: str) -> None:
    with pytest.raises(NoPlace):
        locate(url, PlaceRules())


@pytest.mark.parametrize(
    "host",
    [
        "files.example.com",
        "b-1.s3.amazonaws.com.evil.test",
        "b-1.s3.eu-west-3.evil-amazonaws.com",
        "s3.example.com",
        "127.0.0.1:8333",
        "[::1]:8333",
    ],
)
def test_other_host_says_nothing_of_buckets(host: str) -> None:
    url = f"https://{host}/ours/a/k.png?{SCOPE}"
    with pytest.raises(NoPlace, match=r"upload\.bucket is not set"):
        locate(url, PlaceRules())
    assert locate(url, OURS) == Place("ours", "ours/a/k.png", "eu-west-3")
    assert locate(url, PlaceRules(bucket="ours", path_style=True)) == Place("ours", "a/k.png", "eu-west-3")
    with pytest.raises(NoPlace, match="another bucket"):
        locate(url, PlaceRules(bucket="theirs", path_style=True))


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("a%20b", "a b"),
        ("a+b", "a+b"),
        ("a%2Bb", "a+b"),
        ("a%2520b", "a%20b"),
        ("a%2Fb", "a/b"),
        ("%C3%A9t%c3%a9.png", "été.png"),
        ("a//b", "a//b"),
        ("/a", "/a"),
        ("a/../b/./c", "a/../b/./c"),
        ("a%7Eb~", "a~b~"),
        ("100%", "100%"),
    ],
)
@pytest.mark.parametrize(
    "front", ["https://b-1.s3.eu-west-3.amazonaws.com/", "https://s3.eu-west-3.amazonaws.com/b-1/"]
)
def test_key_is_decoded_once_and_otherwise_left_alone(front: str, path: str, key: str) -> None:
    assert locate(f"{front}{path}?x=y", PlaceRules()) == Place("b-1", key, "eu-west-3")


@pytest.mark.parametrize(
    "scope",
    [
        "AKID",
        "AKID/20261122/eu-west-3/ec2/aws4_request",
        "AKID/20261122/eu west/s3/aws4_request",
        "AKID/20261122/eu-west-3/s3/other",
    ],
)
def test_scope_of_something_else_names_no_region(scope: str) -> None:
    assert locate(f"https://b-1.s3.amazonaws.com/k?X-Amz-Credential={scope}", PlaceRules()).region is None


def test_region_of_the_settings_fills_in_where_none_is_told() -> None:
    rules = PlaceRules(region="eu-west-1")
    assert place_of("https://b-1.s3.amazonaws.com/k", FACTS, rules).region == "eu-west-1"
    assert place_of("https://b-1.s3.eu-west-3.amazonaws.com/k", FACTS, rules).region == "eu-west-3"


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("{image_key}", "signatures/7.png"),
        ("signatures/{server_id}/{name}", "signatures/7/sig.png"),
        ("by-entry/{entry_id}.img", "by-entry/0192-ab.img"),
        ("{{{server_id}}}", "{7}"),
    ],
)
def test_pattern_names_the_place_where_there_is_no_address(pattern: str, key: str) -> None:
    rules = PlaceRules(bucket="ours", region="eu-west-3", key_pattern=pattern)
    assert place_of(None, FACTS, rules) == Place("ours", key, "eu-west-3")


def test_pattern_is_not_asked_where_an_address_tells() -> None:
    rules = PlaceRules(bucket="b-1", key_pattern="{server_id}")
    assert place_of("https://b-1.s3.eu-west-3.amazonaws.com/k", FACTS, rules).key == "k"


def test_pattern_that_wants_what_the_server_did_not_tell_is_no_place() -> None:
    rules = PlaceRules(bucket="ours", key_pattern="{image_key}")
    with pytest.raises(NoPlace, match="image_key"):
        place_of(None, {"server_id": "7", "entry_id": "e", "name": "n"}, rules)


def test_without_address_and_pattern_there_is_no_place() -> None:
    with pytest.raises(NoPlace, match=r"upload\.key_pattern"):
        place_of(None, FACTS, OURS)


def test_refusal_quotes_nothing_of_the_query() -> None:
    for url in ("https://files.example.com/k?X-Amz-Signature=c0ffee", "nonsense?X-Amz-Signature=c0ffee"):
        with pytest.raises(NoPlace) as caught:
            locate(url, PlaceRules())
        assert "c0ffee" not in str(caught.value)
