/* SPDX-License-Identifier: BSD-3-Clause */
/* A doubly linked list through a member of its elements. An unlinked node points to itself. */
#ifndef SHIM_LIST_H
#define SHIM_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct shim_list {
  struct shim_list *next;
  struct shim_list *previous;
};

#define SHIM_CONTAINER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void shim_list_init(struct shim_list *node) {
  node->next = node;
  node->previous = node;
}

static inline bool shim_list_is_empty(const struct shim_list *head) {
  return head->next == head;
}

static inline void shim_list_append(struct shim_list *head, struct shim_list *node) {
  node->previous = head->previous;
  node->next = head;
  head->previous->next = node;
  head->previous = node;
}

static inline void shim_list_remove(struct shim_list *node) {
  node->previous->next = node->next;
  node->next->previous = node->previous;
  shim_list_init(node);
}

#endif
