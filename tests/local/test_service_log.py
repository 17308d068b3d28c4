"""What a test reads of the functions' log while they write it: whole lines."""

from tests.support.service import Service


def test_line_that_is_being_written_is_read_when_it_is_whole(service: Service) -> None:
    with service.stack.backend.log_file.open("ab", buffering=0) as log:
        log.write('{"message":"ä'.encode()[:-1])
        service.mark()
        assert service.logs() == []
        log.write("ä".encode()[1:] + b'"}\n{"message":"b"}\n{"mess')
        assert [line["message"] for line in service.logs()] == ["ä", "b"]
        service.mark()
        log.write(b'age":"c"}\n')
        assert [line["message"] for line in service.logs()] == ["c"]
