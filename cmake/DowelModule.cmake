# How the parts of the project become libraries. Every library is exported as dowel::NAME; where one shared library is built, each is a part of it.
#
# dowel_module(NAME [LINK ...] [LINK_PRIVATE ...]): the .c files of the current folder. Its public headers are in include/.
# dowel_folder(MODULE FOLDER [USES folder ...] [LINK ...] [LINK_PRIVATE ...]): the .c files of MODULE/FOLDER, as MODULE_FOLDER. It sees the
#   private headers (NAME_internal.h) of the folders of its module that it USES, and no others; tests/layers checks the symbols. Public
#   headers that belong to this folder alone, such as a cloud's, are in MODULE/FOLDER/include.
# dowel_folders(MODULE [INTERNAL header ...]): MODULE itself, which is all of its folders. Public headers are in include/; INTERNAL ones are
#   for other modules of dowel and are not installed.

add_library(dowel_flags INTERFACE)
target_compile_options(dowel_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-missing-field-initializers)
target_compile_definitions(dowel_flags INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE _FILE_OFFSET_BITS=64)
if(DOWEL_WERROR)
    target_compile_options(dowel_flags INTERFACE -Werror)
endif()
if(DOWEL_SANITIZE)
    add_compile_options(-fsanitize=${DOWEL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${DOWEL_SANITIZE})
endif()
if(DOWEL_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
    add_link_options(-fsanitize=fuzzer-no-link)
endif()

function(dowel_library name)
    cmake_parse_arguments(arg "" "FOLDER;PUBLIC_HEADERS" "LINK;LINK_PRIVATE" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${arg_FOLDER}/*.c)
    if(BUILD_SHARED_LIBS)
        add_library(dowel_${name} OBJECT ${sources})
    else()
        add_library(dowel_${name} STATIC ${sources})
        install(TARGETS dowel_${name} EXPORT dowel ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    endif()
    add_library(dowel::${name} ALIAS dowel_${name})
    set_property(GLOBAL APPEND PROPERTY DOWEL_LIBRARIES dowel_${name})
    set_target_properties(dowel_${name} PROPERTIES EXPORT_NAME ${name})
    target_include_directories(dowel_${name}
        PUBLIC $<BUILD_INTERFACE:${arg_PUBLIC_HEADERS}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
        PRIVATE ${arg_FOLDER})
    # Threads of programs linked with musl have 128 KiB of stack. Sanitizers make frames of their own size.
    if(NOT DOWEL_SANITIZE)
        target_compile_options(dowel_${name} PRIVATE -Wframe-larger-than=16384)
    endif()
    target_link_libraries(dowel_${name} PUBLIC ${arg_LINK} PRIVATE $<BUILD_INTERFACE:dowel_flags> ${arg_LINK_PRIVATE})
endfunction()

function(dowel_module name)
    dowel_library(${name} FOLDER ${CMAKE_CURRENT_SOURCE_DIR} PUBLIC_HEADERS ${CMAKE_CURRENT_SOURCE_DIR}/include ${ARGN})
    install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endfunction()

function(dowel_folder module folder)
    cmake_parse_arguments(arg "" "" "USES;LINK;LINK_PRIVATE" ${ARGN})
    list(TRANSFORM arg_USES PREPEND dowel::${module}_ OUTPUT_VARIABLE used)
    dowel_library(${module}_${folder} FOLDER ${PROJECT_SOURCE_DIR}/${module}/${folder} PUBLIC_HEADERS ${PROJECT_SOURCE_DIR}/${module}/include
        LINK ${used} ${arg_LINK} LINK_PRIVATE ${arg_LINK_PRIVATE})
    list(TRANSFORM arg_USES PREPEND ${PROJECT_SOURCE_DIR}/${module}/ OUTPUT_VARIABLE folders)
    target_include_directories(dowel_${module}_${folder} PRIVATE ${folders})
    set(public ${PROJECT_SOURCE_DIR}/${module}/${folder}/include)
    if(EXISTS ${public})
        target_include_directories(dowel_${module}_${folder} PUBLIC $<BUILD_INTERFACE:${public}>)
        install(DIRECTORY ${public}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
        set_property(GLOBAL APPEND PROPERTY DOWEL_FOLDER_HEADERS ${public})
    endif()
    set_property(GLOBAL APPEND PROPERTY DOWEL_FOLDERS_${module} ${folder})
endfunction()

function(dowel_folders module)
    cmake_parse_arguments(arg "" "" "INTERNAL" ${ARGN})
    get_property(folders GLOBAL PROPERTY DOWEL_FOLDERS_${module})
    list(TRANSFORM folders PREPEND dowel_${module}_)
    add_library(dowel_${module} INTERFACE)
    add_library(dowel::${module} ALIAS dowel_${module})
    set_target_properties(dowel_${module} PROPERTIES EXPORT_NAME ${module})
    target_link_libraries(dowel_${module} INTERFACE ${folders})
    if(NOT BUILD_SHARED_LIBS)
        install(TARGETS dowel_${module} EXPORT dowel)
    endif()
    set(left_out)
    foreach(header IN LISTS arg_INTERNAL)
        list(APPEND left_out PATTERN ${header} EXCLUDE)
    endforeach()
    install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} ${left_out})
endfunction()
