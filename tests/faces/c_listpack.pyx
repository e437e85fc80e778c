"""Python face of engine/core/listpack.pxd, for tests/core/test_listpack.py only.

Entries are named by their index; values are bytes, or int for what is kept as an integer.
"""
cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from kvd.engine.core.heap cimport heap_free_all, heap_init, heap_t
from kvd.engine.core.listpack cimport (
    listpack_append, listpack_append_int, listpack_append_many, listpack_append_range,
    listpack_copy, listpack_cost, listpack_cost_int, listpack_count, listpack_create,
    listpack_delete, listpack_delete_range, listpack_entry_size, listpack_equal, listpack_find,
    listpack_find_pair, listpack_first, listpack_get, listpack_insert, listpack_insert_many,
    listpack_int, listpack_is_safe, listpack_last, listpack_next, listpack_prepend,
    listpack_plan, listpack_plan_t, listpack_pop_back, listpack_pop_front,
    listpack_prepend_range, listpack_prev, listpack_push_back, listpack_push_front,
    listpack_random, listpack_random_next, listpack_read, listpack_release, listpack_replace,
    listpack_replace_int, listpack_seek, listpack_size,
    listpack_split, listpack_valid, listpack_value, listpack_value_t,
)
from kvd.engine.core.number cimport FORMAT_INT_MAX
from kvd.engine.core.rand cimport rand_seed, rand_t
from kvd.engine.core.types cimport slice_t


cdef slice_t slice_of(bytes text):
    return slice_t(text, len(text))


def valid(bytes data):
    """The count, or None."""
    cdef uint64_t count = 0
    return count if listpack_valid(data, len(data), &count) else None


def cost(value):
    return listpack_cost_int(value) if isinstance(value, int) else listpack_cost(slice_of(value))


@cython.final
cdef class Pack:
    cdef heap_t heap
    cdef uint8_t* pack
    cdef rand_t rand

    def __cinit__(self, bytes data=None):
        heap_init(&self.heap)
        rand_seed(&self.rand, 1)
        if data is None:
            self.pack = listpack_create(&self.heap)
        else:
            self.pack = listpack_read(&self.heap, data, len(data), NULL)

    def close(self):
        """True when every byte came back."""
        if self.pack != NULL:
            listpack_release(&self.heap, self.pack)
            self.pack = NULL
        return heap_free_all(&self.heap)

    cdef uint8_t* at(self, int64_t index) except NULL:
        cdef uint8_t* at = listpack_seek(self.pack, index)
        if at == NULL:
            raise IndexError(index)
        return at

    cdef object index_of(self, const uint8_t* at):
        cdef uint8_t* walk = listpack_first(self.pack)
        index = 0
        if at == NULL:
            return None
        while walk != NULL:
            if walk == at:
                return index
            walk = listpack_next(walk)
            index += 1
        raise AssertionError("not an entry of this pack")

    cdef object read(self, const uint8_t* at):
        cdef listpack_value_t value
        cdef char scratch[FORMAT_INT_MAX]
        cdef int64_t number = 0
        cdef slice_t text = listpack_get(at, scratch)
        listpack_value(at, &value)
        is_int = listpack_int(at, &number)
        assert is_int == (value.text.data == NULL)
        result = value.number if is_int else value.text.data[:value.text.size]
        shown = text.data[:text.size]
        assert shown == (str(result).encode() if is_int else result)
        assert not is_int or number == value.number
        assert listpack_equal(at, text)
        return result

    def null(self):
        return self.pack == NULL

    def bytes(self):
        return (<char*>self.pack)[:listpack_size(self.pack)]

    def count(self):
        return listpack_count(self.pack)

    def is_safe(self, size_t more):
        return listpack_is_safe(self.pack, more)

    def forward(self):
        cdef uint8_t* at = listpack_first(self.pack)
        values = []
        while at != NULL:
            values.append(self.read(at))
            at = listpack_next(at)
        return values

    def backward(self):
        cdef uint8_t* at = listpack_last(self.pack)
        values = []
        while at != NULL:
            values.append(self.read(at))
            at = listpack_prev(self.pack, at)
        return values

    def seek(self, int64_t index):
        cdef uint8_t* at = listpack_seek(self.pack, index)
        return None if at == NULL else self.read(at)

    def cost_at(self, int64_t index):
        return listpack_entry_size(self.at(index))

    def find(self, int64_t start, bytes value, uint32_t skip):
        return self.index_of(listpack_find(self.at(start), slice_of(value), skip))

    def find_pair(self, bytes field):
        return self.index_of(listpack_find_pair(self.pack, slice_of(field)))

    def append(self, value):
        if isinstance(value, int):
            self.pack = listpack_append_int(&self.heap, self.pack, value)
        else:
            self.pack = listpack_append(&self.heap, self.pack, slice_of(value))

    def prepend(self, bytes value):
        self.pack = listpack_prepend(&self.heap, self.pack, slice_of(value))

    def insert(self, int64_t index, bytes value, bint after):
        cdef uint8_t* at = self.at(index)
        self.pack = listpack_insert(&self.heap, self.pack, &at, slice_of(value), after)
        return self.index_of(at)

    def insert_many(self, index, list values):
        """With index None: append_many."""
        cdef listpack_value_t many[16]
        cdef uint8_t* at
        for i, value in enumerate(values):
            if isinstance(value, int):
                many[i].text.data = NULL
                many[i].number = value
            else:
                many[i].text = slice_of(value)
        if index is None:
            self.pack = listpack_append_many(&self.heap, self.pack, many, len(values))
            return None
        at = self.at(index)
        self.pack = listpack_insert_many(&self.heap, self.pack, &at, many, len(values))
        return self.index_of(at)

    def replace(self, int64_t index, value):
        cdef uint8_t* at = self.at(index)
        if isinstance(value, int):
            self.pack = listpack_replace_int(&self.heap, self.pack, &at, value)
        else:
            self.pack = listpack_replace(&self.heap, self.pack, &at, slice_of(value))
        return self.index_of(at)

    def delete(self, int64_t index, uint64_t count):
        cdef uint8_t* at = self.at(index)
        self.pack = listpack_delete(&self.heap, self.pack, &at, count)
        return self.index_of(at)

    def delete_range(self, int64_t index, uint64_t count):
        self.pack = listpack_delete_range(&self.heap, self.pack, index, count)

    def split(self, int64_t index):
        """The bytes of the pack that was cut off."""
        cdef uint8_t* rest
        self.pack = listpack_split(&self.heap, self.pack, self.at(index), &rest)
        data = (<char*>rest)[:listpack_size(rest)]
        listpack_release(&self.heap, rest)
        return data

    def take_range(self, Pack other, int64_t index, uint64_t count, bint prepend):
        if prepend:
            self.pack = listpack_prepend_range(&self.heap, self.pack, other.at(index), count)
        else:
            self.pack = listpack_append_range(&self.heap, self.pack, other.at(index), count)

    def in_room(self, list changes):
        """Push and pop at the ends of a copy with room beside it; its bytes after that.

        A change is (value, front), or (None, front) for a pop.
        """
        cdef listpack_plan_t plan
        cdef char room[8192]
        cdef uint8_t* pack = <uint8_t*>&room[4096]
        memcpy(pack, self.pack, listpack_size(self.pack))
        for value, front in changes:
            if value is None:
                if front:
                    pack = listpack_pop_front(pack)
                else:
                    listpack_pop_back(pack)
            else:
                listpack_plan(&plan, slice_of(value))
                if front:
                    pack = listpack_push_front(pack, &plan)
                else:
                    listpack_push_back(pack, &plan)
        return (<char*>pack)[:listpack_size(pack)]

    def copy(self):
        cdef uint8_t* copy = listpack_copy(&self.heap, self.pack)
        data = (<char*>copy)[:listpack_size(copy)]
        listpack_release(&self.heap, copy)
        return data

    def random(self, uint32_t stride):
        return self.index_of(listpack_random(self.pack, stride, &self.rand))

    def sample(self, uint64_t wanted, uint32_t stride):
        cdef uint8_t* at = NULL
        cdef uint64_t index = 0
        found = []
        while wanted:
            at = listpack_random_next(self.pack, at, &index, wanted, stride, &self.rand)
            if at == NULL:
                break
            place = self.index_of(at)
            assert place == (index - 1) * stride
            found.append(place)
            wanted -= 1
        return found
